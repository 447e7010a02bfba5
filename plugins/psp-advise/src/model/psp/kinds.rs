//! Kinds of volumes and kernel parameters that policies know.

use serde_json::Value;

pub(super) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Kernel parameters that every policy allows: `SafeSysctlAllowlist`.
pub(super) const SAFE_SYSCTLS: [&str; 5] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
];

/// Sorts of volumes in the order in which `GetVolumeFSType` of `util/util.go` looks for them.
pub(super) const VOLUMES: [&str; 29] = [
    "hostPath",
    "emptyDir",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "downwardAPI",
    "fc",
    "azureFile",
    "configMap",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "storageos",
    "projected",
    "portworxVolume",
    "scaleIO",
    "csi",
    "ephemeral",
];

/// Returns the sort of a volume as policies call it.
pub(super) fn volume_kind(volume: &Value) -> Option<&'static str> {
    let kind = VOLUMES.iter().find(|kind| !volume[**kind].is_null())?;
    // One is spelt otherwise in policies.
    Some(if *kind == "cephfs" { "cephFS" } else { *kind })
}

/// `IsOnlyServiceAccountTokenSources` in `util/util.go`.
pub(super) fn is_token(projected: &Value) -> bool {
    array(&projected["sources"]).iter().all(|source| {
        let (token, map, downward) = (
            &source["serviceAccountToken"],
            &source["configMap"],
            &source["downwardAPI"],
        );
        let known = !token.is_null() || !map.is_null() || !downward.is_null();
        let token = token.is_null()
            || (token["path"] == "token"
                && token["audience"].as_str().unwrap_or_default().is_empty());
        let map = map.is_null() || map["name"] == "kube-root-ca.crt";
        let downward = array(&downward["items"]).iter().all(|item| {
            let reference = &item["fieldRef"];
            // The version is defaulted.
            let version = reference["apiVersion"].as_str().unwrap_or("v1");
            item["path"] == "namespace"
                && version == "v1"
                && reference["fieldPath"] == "metadata.namespace"
        });
        known && token && map && downward
    })
}
