//! Policies, rights and pods for Kubernetes 1.24, at random but the same in every run.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::corpus::Dice;

/// Makes a policy, most of its fields at random.
pub(crate) fn policy(dice: &mut Dice, name: &str) -> Value {
    let mut spec = json!({
        "seLinux": {"rule": "RunAsAny"},
        "runAsUser": {"rule": "RunAsAny"},
        "fsGroup": {"rule": "RunAsAny"},
        "supplementalGroups": {"rule": "RunAsAny"},
        "volumes": ["*"],
    });
    for field in ["privileged", "hostNetwork", "hostPID", "hostIPC"] {
        spec[field] = json!(dice.below(3) > 0);
    }
    let ranges = |dice: &mut Dice| match dice.below(3) {
        0 => json!([{"min": 0, "max": 10}]),
        1 => json!([{"min": 1000, "max": 1000}, {"min": 5, "max": 9}]),
        _ => json!([{"min": 1, "max": 65535}]),
    };
    match dice.below(4) {
        0 => spec["runAsUser"] = json!({"rule": "MustRunAs", "ranges": ranges(dice)}),
        1 => spec["runAsUser"] = json!({"rule": "MustRunAsNonRoot"}),
        _ => {}
    }
    for field in ["runAsGroup", "fsGroup", "supplementalGroups"] {
        match dice.below(7) {
            0 => spec[field] = json!({"rule": "MustRunAs", "ranges": ranges(dice)}),
            1 => spec[field] = json!({"rule": "MayRunAs", "ranges": ranges(dice)}),
            _ => {}
        }
    }
    match dice.below(8) {
        0 => {
            spec["seLinux"] = json!({"rule": "MustRunAs",
                "seLinuxOptions": {"type": "container_t", "level": "s0:c1,c2"}});
        }
        // Such a policy is taken and can admit nothing.
        1 if dice.once_in(2) => spec["seLinux"] = json!({"rule": "MustRunAs"}),
        _ => {}
    }
    if dice.once_in(3) {
        let all = [
            "hostPath",
            "emptyDir",
            "secret",
            "projected",
            "configMap",
            "csi",
            "nfs",
            "flexVolume",
        ];
        let some: BTreeSet<&str> = (0..5).map(|_| dice.pick(&all)).collect();
        spec["volumes"] = json!(some);
    }
    if dice.once_in(4) {
        spec["allowedHostPaths"] = json!([{"pathPrefix": "/x", "readOnly": dice.once_in(2)}]);
    }
    if dice.once_in(5) {
        spec["allowedFlexVolumes"] = json!([{"driver": dice.pick(&["a/b", "c/d"])}]);
    }
    if dice.once_in(3) {
        spec["hostPorts"] = json!([{"min": 1, "max": 1100}, {"min": 9000, "max": 60000}]);
    } else if dice.once_in(2) {
        spec["hostPorts"] = json!([{"min": 0, "max": 65535}]);
    }
    capabilities(dice, &mut spec);
    if dice.once_in(5) {
        spec["readOnlyRootFilesystem"] = json!(true);
    }
    if dice.once_in(3) {
        spec["allowPrivilegeEscalation"] = json!(dice.once_in(2));
    }
    if dice.once_in(5) && spec["allowPrivilegeEscalation"] != false {
        spec["defaultAllowPrivilegeEscalation"] = json!(dice.once_in(2));
    }
    match dice.below(4) {
        0 => spec["allowedUnsafeSysctls"] = json!(["kernel.msg*", "net.core.somaxconn"]),
        1 => spec["allowedUnsafeSysctls"] = json!(["*"]),
        2 => spec["forbiddenSysctls"] = json!(["kernel.shm*"]),
        _ => {}
    }
    let mut annotations = Map::new();
    let seccomp = "seccomp.security.alpha.kubernetes.io/";
    match dice.below(5) {
        0 => {}
        1 => {
            annotations.insert(
                format!("{seccomp}allowedProfileNames"),
                json!("docker/default"),
            );
        }
        2 => {
            annotations.insert(
                format!("{seccomp}allowedProfileNames"),
                json!("runtime/default,localhost/x"),
            );
            annotations.insert(
                format!("{seccomp}defaultProfileName"),
                json!("runtime/default"),
            );
        }
        _ => {
            annotations.insert(format!("{seccomp}allowedProfileNames"), json!("*"));
        }
    }
    let app_armor = "apparmor.security.beta.kubernetes.io/";
    if dice.once_in(5) {
        annotations.insert(
            format!("{app_armor}allowedProfileNames"),
            json!("runtime/default,localhost/x"),
        );
    }
    if dice.once_in(5) {
        annotations.insert(
            format!("{app_armor}defaultProfileName"),
            json!("runtime/default"),
        );
    }
    json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy",
        "metadata": {"name": name, "annotations": annotations}, "spec": spec})
}

fn capabilities(dice: &mut Dice, spec: &mut Value) {
    match dice.below(4) {
        0 => {}
        1 => spec["allowedCapabilities"] = json!(["CHOWN", "NET_BIND_SERVICE", "MKNOD"]),
        _ => spec["allowedCapabilities"] = json!(["*"]),
    }
    let wildcard = spec["allowedCapabilities"] == json!(["*"]);
    if !wildcard && dice.once_in(3) {
        spec["requiredDropCapabilities"] = json!(["ALL"]);
    }
    if dice.once_in(5) {
        spec["defaultAddCapabilities"] = json!(["SETUID"]);
    }
}

/// Makes the right to use a policy: for the account, its group, the user, in either group, or none.
pub(crate) fn rights(dice: &mut Dice, namespace: &str, policy: &str) -> Vec<Value> {
    let group = if dice.once_in(2) {
        "policy"
    } else {
        "extensions"
    };
    let subject = match dice.below(5) {
        0 => return Vec::new(),
        1 | 2 => json!({"kind": "ServiceAccount", "name": "default", "namespace": namespace}),
        3 => json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io",
            "name": format!("system:serviceaccounts:{namespace}")}),
        _ => json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "tester"}),
    };
    let rule = json!([{"apiGroups": [group], "resources": ["podsecuritypolicies"],
        "resourceNames": [policy], "verbs": ["use"]}]);
    let name = format!("use-{policy}");
    let everywhere = dice.once_in(3);
    let api = "rbac.authorization.k8s.io/v1";
    let (role, binding) = if everywhere {
        ("ClusterRole", "ClusterRoleBinding")
    } else {
        ("Role", "RoleBinding")
    };
    let mut meta = json!({"name": name});
    if !everywhere {
        meta["namespace"] = json!(namespace);
    }
    vec![
        json!({"apiVersion": api, "kind": role, "metadata": meta, "rules": rule}),
        json!({"apiVersion": api, "kind": binding, "metadata": meta, "subjects": [subject],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name}}),
    ]
}

/// Takes out what 1.24 does not know.
pub(crate) fn old(mut pod: Value) -> Value {
    fn strip(value: &mut Value) {
        if let Value::Object(map) = value {
            map.remove("appArmorProfile");
            map.remove("hostUsers");
        }
        match value {
            Value::Object(map) => map.values_mut().for_each(strip),
            Value::Array(list) => list.iter_mut().for_each(strip),
            // A message is read line by line here.
            Value::String(text) => text.retain(|c| c != '\n'),
            _ => {}
        }
    }
    strip(&mut pod);
    pod
}
