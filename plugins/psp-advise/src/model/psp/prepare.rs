//! What the API server does to a pod before and between the two phases.

use serde_json::{Map, Value, json};

use super::kinds::VOLUMES;
use crate::model::pod::{SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};

/// Lists of containers, in the order in which the plugin visits them.
pub(super) const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Returns a map below a value, made if it is missing.
pub(super) fn map<'a>(value: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    let slot = &mut value[key];
    if !slot.is_object() {
        *slot = json!({});
    }
    match slot {
        Value::Object(map) => map,
        // It was made one just before.
        _ => unreachable!("a map was put here"),
    }
}

/// Defaults and earlier admission, as far as policies see them: hostPort of the node's network, a
/// volume without a source, the service account and its token.
pub(super) fn prepare(pod: &mut Value) {
    let host_network = pod["spec"]["hostNetwork"] == true;
    for list in LISTS {
        for container in items(&mut pod["spec"], list) {
            if host_network && list != "ephemeralContainers" {
                for port in items(container, "ports") {
                    if port["hostPort"].as_i64().unwrap_or(0) == 0 {
                        port["hostPort"] = port["containerPort"].clone();
                    }
                }
            }
        }
    }
    for volume in items(&mut pod["spec"], "volumes") {
        // What 1.24 does not know is dropped before.
        let has_source = VOLUMES.iter().any(|source| !volume[*source].is_null());
        if !has_source {
            volume["emptyDir"] = json!({});
        }
    }
    service_account(pod);
}

/// `plugin/pkg/admission/serviceaccount/admission.go`: the name, and the token's volume with its
/// mounts unless the pod declines it. What the account itself says is not known here.
fn service_account(pod: &mut Value) {
    const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
    let spec = &mut pod["spec"];
    if spec["serviceAccountName"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        spec["serviceAccountName"] = json!("default");
    }
    if spec["automountServiceAccountToken"] == false {
        return;
    }
    let name = "kube-api-access";
    let mut needed = false;
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            let mounted = container["volumeMounts"]
                .as_array()
                .is_some_and(|mounts| mounts.iter().any(|mount| mount["mountPath"] == MOUNT));
            if !mounted {
                needed = true;
                let mount = json!({"name": name, "mountPath": MOUNT, "readOnly": true});
                match container["volumeMounts"].as_array_mut() {
                    Some(mounts) => mounts.push(mount),
                    None => container["volumeMounts"] = json!([mount]),
                }
            }
        }
    }
    let known = spec["volumes"].as_array().is_some_and(|volumes| {
        volumes.iter().any(|volume| {
            volume["name"]
                .as_str()
                .is_some_and(|it| it.starts_with("kube-api-access"))
        })
    });
    if needed && !known {
        let volume = json!({"name": name, "projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace",
                "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]}});
        match spec["volumes"].as_array_mut() {
            Some(volumes) => volumes.push(volume),
            None => spec["volumes"] = json!([volume]),
        }
    }
}

/// `PrepareForCreate` in `pkg/registry/core/pod/strategy.go`, which comes between the two phases:
/// seccomp's fields and annotations say the same, and `procMount` is the default.
pub(super) fn store(pod: &mut Value) {
    let of_pod = pod["spec"]["securityContext"]["seccompProfile"].clone();
    let set = sync(pod, SECCOMP_POD_ANNOTATION, &of_pod);
    if let Some(profile) = set {
        map(&mut pod["spec"], "securityContext").insert("seccompProfile".to_owned(), profile);
    }
    for list in LISTS {
        let count = pod["spec"][list].as_array().map_or(0, Vec::len);
        for index in 0..count {
            let container = &pod["spec"][list][index];
            let key = format!(
                "{SECCOMP_ANNOTATION}{}",
                container["name"].as_str().unwrap_or_default()
            );
            let field = container["securityContext"]["seccompProfile"].clone();
            let set = sync(pod, &key, &field);
            let container = &mut pod["spec"][list][index];
            if let Some(profile) = set {
                map(container, "securityContext").insert("seccompProfile".to_owned(), profile);
            }
            if !container["securityContext"]["procMount"].is_null() {
                container["securityContext"]["procMount"] = json!("Default");
            }
        }
    }
}

/// Writes the annotation for a field, or returns the field for an annotation.
fn sync(pod: &mut Value, key: &str, field: &Value) -> Option<Value> {
    let annotation = pod["metadata"]["annotations"][key]
        .as_str()
        .map(str::to_owned);
    match (field.is_null(), annotation) {
        (false, None) => {
            let value = seccomp_annotation(field);
            if !value.is_empty() {
                map(&mut pod["metadata"], "annotations").insert(key.to_owned(), json!(value));
            }
            None
        }
        (true, Some(annotation)) => seccomp_field(&annotation),
        _ => None,
    }
}

/// `SeccompAnnotationForField` in `pkg/api/pod/util.go`; empty for what has none.
pub(super) fn seccomp_annotation(field: &Value) -> String {
    match field["type"].as_str() {
        Some("Unconfined") => "unconfined".to_owned(),
        Some("RuntimeDefault") => "runtime/default".to_owned(),
        Some("Localhost") => field["localhostProfile"]
            .as_str()
            .map(|profile| format!("localhost/{profile}"))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// `SeccompFieldForAnnotation` in `pkg/api/pod/util.go`.
pub(super) fn seccomp_field(annotation: &str) -> Option<Value> {
    match annotation {
        "unconfined" => Some(json!({"type": "Unconfined"})),
        "runtime/default" | "docker/default" => Some(json!({"type": "RuntimeDefault"})),
        _ => annotation
            .strip_prefix("localhost/")
            .filter(|profile| !profile.is_empty())
            .map(|profile| json!({"type": "Localhost", "localhostProfile": profile})),
    }
}

/// Returns the items of a list for changes; none where there is no list.
pub(super) fn items<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value
        .get_mut(key)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}
