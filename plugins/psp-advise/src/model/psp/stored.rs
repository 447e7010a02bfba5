//! The rest of what the API server writes into a pod before it is stored.
//!
//! No policy looks at it; who reads the stored pod does. Sources: `pkg/apis/core/v1/defaults.go`
//! and `zz_generated.defaults.go` of Kubernetes v1.24.17, and the admission plugins that are on by
//! default and need nothing but the pod: `Priority` without a class, `DefaultTolerationSeconds`.

use serde_json::{Map, Value, json};

use super::kinds::VOLUMES;
use super::prepare::{LISTS, items};

/// Fields that came after 1.24, which drops what it does not know: of a pod, of a container, of a
/// security context.
const LATER_IN_POD: [&str; 6] = [
    "hostUsers",
    "hostnameOverride",
    "resourceClaims",
    "resources",
    "schedulingGates",
    "workloadRef",
];
const LATER_IN_CONTAINER: [&str; 3] = ["resizePolicy", "restartPolicy", "restartPolicyRules"];
const LATER_IN_CONTEXT: [&str; 3] = [
    "appArmorProfile",
    "seLinuxChangePolicy",
    "supplementalGroupsPolicy",
];

/// Writes the defaults into the specification of a pod.
///
/// Left out is what the pod alone does not tell: what a `LimitRange`, a runtime class, a priority
/// class or the pod's service account adds, and the last five letters of the name of the token's
/// volume. Quantities stay as they are written.
pub fn complete(spec: &mut Value) {
    let Some(fields) = spec.as_object_mut() else {
        return;
    };
    drop_later(fields, &LATER_IN_POD);
    drop_off(fields, &["hostNetwork", "hostPID", "hostIPC"]);
    absent(fields, "restartPolicy", || json!("Always"));
    absent(fields, "terminationGracePeriodSeconds", || json!(30));
    absent(fields, "dnsPolicy", || json!("ClusterFirst"));
    absent(fields, "securityContext", || json!({}));
    absent(fields, "schedulerName", || json!("default-scheduler"));
    absent(fields, "enableServiceLinks", || json!(true));
    if blank(fields.get("priorityClassName")) {
        absent(fields, "priority", || json!(0));
        absent(fields, "preemptionPolicy", || json!("PreemptLowerPriority"));
    }
    // The name of old, still written beside the new one.
    let account = fields.get("serviceAccountName").cloned();
    if let Some(account) = account.filter(|name| !blank(Some(name))) {
        fields.insert("serviceAccount".to_owned(), account);
    }
    tolerations(fields);
    for list in LISTS {
        for item in items(spec, list) {
            container(item);
        }
    }
    for item in items(spec, "volumes") {
        volume(item);
    }
}

/// `plugin/pkg/admission/defaulttolerationseconds`: five minutes on a node that is gone, unless
/// the pod has an opinion.
fn tolerations(spec: &mut Map<String, Value>) {
    let given = spec.get("tolerations").and_then(Value::as_array);
    let mut list = given.cloned().unwrap_or_default();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let tolerated = list.iter().any(|one| {
            (one["key"] == key || blank(one.get("key")))
                && (one["effect"] == "NoExecute" || blank(one.get("effect")))
        });
        if !tolerated {
            list.push(
                json!({"key": key, "operator": "Exists", "effect": "NoExecute",
                             "tolerationSeconds": 300}),
            );
        }
    }
    spec.insert("tolerations".to_owned(), Value::Array(list));
}

fn container(container: &mut Value) {
    let latest = container["image"].as_str().is_some_and(is_latest);
    let Some(fields) = container.as_object_mut() else {
        return;
    };
    drop_later(fields, &LATER_IN_CONTAINER);
    drop_off(fields, &["stdin", "stdinOnce", "tty"]);
    absent(fields, "imagePullPolicy", || {
        json!(if latest { "Always" } else { "IfNotPresent" })
    });
    absent(fields, "terminationMessagePath", || {
        json!("/dev/termination-log")
    });
    absent(fields, "terminationMessagePolicy", || json!("File"));
    absent(fields, "resources", || json!({}));
    // In pods alone what is limited and not asked for is asked for.
    let limits = fields["resources"]["limits"].as_object().cloned();
    for (resource, amount) in limits.into_iter().flatten() {
        let requests = &mut fields["resources"]["requests"];
        if requests[&resource].is_null() {
            requests[&resource] = amount;
        }
    }
    for port in items(container, "ports") {
        set(port, "protocol", json!("TCP"));
        if let Some(fields) = port.as_object_mut() {
            drop_off(fields, &["hostPort", "hostIP", "name"]);
        }
    }
    for variable in items(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            set(
                &mut variable["valueFrom"]["fieldRef"],
                "apiVersion",
                json!("v1"),
            );
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[name].is_object() {
            probe(&mut container[name]);
        }
    }
    for name in ["postStart", "preStop"] {
        if container["lifecycle"][name]["httpGet"].is_object() {
            http_get(&mut container["lifecycle"][name]["httpGet"]);
        }
    }
}

fn probe(probe: &mut Value) {
    for (name, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        // Zero is as good as nothing to the server.
        if probe[name].as_i64().unwrap_or(0) == 0 {
            probe[name] = json!(value);
        }
    }
    if probe["httpGet"].is_object() {
        http_get(&mut probe["httpGet"]);
    }
    if probe["grpc"].is_object() && probe["grpc"]["service"].is_null() {
        probe["grpc"]["service"] = json!("");
    }
}

fn http_get(action: &mut Value) {
    set(action, "path", json!("/"));
    set(action, "scheme", json!("HTTP"));
}

fn volume(volume: &mut Value) {
    if let Some(fields) = volume.as_object_mut() {
        fields.retain(|field, _| field == "name" || VOLUMES.contains(&field.as_str()));
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if volume[name].is_object() && volume[name]["defaultMode"].is_null() {
            volume[name]["defaultMode"] = json!(0o644);
        }
    }
    downward(volume);
    if let Some(projected) = volume.get_mut("projected") {
        for source in items(projected, "sources") {
            downward(source);
            if source["serviceAccountToken"].is_object() {
                let token = &mut source["serviceAccountToken"];
                set(token, "expirationSeconds", json!(3600));
            }
        }
    }
    let given: [(&str, &[(&str, Value)]); 5] = [
        ("hostPath", &[("type", json!(""))]),
        ("iscsi", &[("iscsiInterface", json!("default"))]),
        (
            "rbd",
            &[
                ("pool", json!("rbd")),
                ("user", json!("admin")),
                ("keyring", json!("/etc/ceph/keyring")),
            ],
        ),
        (
            "azureDisk",
            &[
                ("cachingMode", json!("ReadWrite")),
                ("kind", json!("Shared")),
                ("fsType", json!("ext4")),
                ("readOnly", json!(false)),
            ],
        ),
        (
            "scaleIO",
            &[
                ("storageMode", json!("ThinProvisioned")),
                ("fsType", json!("xfs")),
            ],
        ),
    ];
    for (source, defaults) in given {
        if volume[source].is_object() {
            for (field, value) in defaults {
                set(&mut volume[source], field, value.clone());
            }
        }
    }
    if volume["ephemeral"]["volumeClaimTemplate"]["spec"].is_object() {
        let claim = &mut volume["ephemeral"]["volumeClaimTemplate"]["spec"];
        set(claim, "volumeMode", json!("Filesystem"));
    }
}

/// Fields of the pod as files, in a volume or a source of a projected one.
fn downward(holder: &mut Value) {
    let Some(files) = holder.get_mut("downwardAPI") else {
        return;
    };
    for file in items(files, "items") {
        if file["fieldRef"].is_object() {
            set(&mut file["fieldRef"], "apiVersion", json!("v1"));
        }
    }
}

/// `ParseImageName` in `pkg/util/parsers`: neither tag nor digest means `latest`.
fn is_latest(image: &str) -> bool {
    if image.contains('@') {
        let (name, _) = image.split_once('@').unwrap_or((image, ""));
        return tag(name) == Some("latest");
    }
    !image.is_empty() && tag(image).is_none_or(|tag| tag == "latest")
}

fn tag(image: &str) -> Option<&str> {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':').map(|(_, tag)| tag)
}

/// Takes away what the API does not write when it is off or zero.
fn drop_off(fields: &mut Map<String, Value>, names: &[&str]) {
    let off = |value: &Value| *value == json!(false) || *value == json!(0) || *value == json!("");
    fields.retain(|field, value| !(names.contains(&field.as_str()) && off(value)));
}

fn drop_later(fields: &mut Map<String, Value>, later: &[&str]) {
    fields.retain(|field, _| !later.contains(&field.as_str()));
    if let Some(Value::Object(context)) = fields.get_mut("securityContext") {
        context.retain(|field, _| !LATER_IN_CONTEXT.contains(&field.as_str()));
    }
}

fn blank(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value == "")
}

fn absent(fields: &mut Map<String, Value>, name: &str, default: impl FnOnce() -> Value) {
    if blank(fields.get(name)) {
        fields.insert(name.to_owned(), default());
    }
}

fn set(value: &mut Value, name: &str, default: Value) {
    if let Some(fields) = value.as_object_mut() {
        absent(fields, name, || default);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_tag_or_digest_is_pulled_always() {
        for (image, latest) in [
            ("web", true),
            ("r.example:5000/team/web", true),
            ("web:latest", true),
            ("web:1", false),
            ("web@sha256:0", false),
            ("web:latest@sha256:0", true),
            ("", false),
        ] {
            assert_eq!(is_latest(image), latest, "{image}");
        }
    }

    #[test]
    fn what_is_given_stays() {
        let given = json!({
            "restartPolicy": "Never", "dnsPolicy": "None", "schedulerName": "mine",
            "securityContext": {"runAsUser": 1}, "terminationGracePeriodSeconds": 0,
            "enableServiceLinks": false, "priorityClassName": "high",
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "a", "image": "a", "imagePullPolicy": "Never",
                "terminationMessagePath": "/x", "terminationMessagePolicy": "File",
                "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}},
                "ports": [{"containerPort": 1, "protocol": "UDP"}]}],
        });
        let mut completed = given.clone();
        complete(&mut completed);
        assert_eq!(completed, given);
    }
}
