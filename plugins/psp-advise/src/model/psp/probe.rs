//! Pods that tell a policy from one that is nearly the same: around a pod that each policy admits,
//! every field at, beside and beyond what the policy allows.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::mutate::{APP_ARMOR_ALLOWED, SECCOMP_ALLOWED};
use super::policy::{Policy, Rule};
use super::unchanged::completed;

/// Places of a security context.
const CONTEXTS: [&str; 3] = [
    "/spec/securityContext",
    "/spec/containers/0/securityContext",
    "/spec/initContainers/0/securityContext",
];

/// Returns pods around one that a policy admits if it admits any; names and service accounts are
/// left to the sender.
#[must_use]
pub fn probes(policy: &Policy) -> Vec<Value> {
    let base = completed(
        policy,
        &json!({"apiVersion": "v1", "kind": "Pod", "spec": {
            "initContainers": [{"name": "i", "image": "i"}],
            "containers": [{"name": "c", "image": "i"}]}}),
    );
    let bare = json!({"apiVersion": "v1", "kind": "Pod", "spec": {
        "initContainers": [{"name": "i", "image": "i"}],
        "containers": [{"name": "c", "image": "i"}]}});
    let mut all = vec![base.clone(), bare];
    for (path, value) in changes(policy) {
        let mut pod = base.clone();
        put(&mut pod, &path, value);
        all.push(pod);
    }
    for volume in volumes(policy) {
        for read_only in [true, false] {
            let mut pod = base.clone();
            put(&mut pod, "/spec/volumes", json!([volume]));
            let mount = json!([{"name": "v", "mountPath": "/v", "readOnly": read_only}]);
            put(&mut pod, "/spec/containers/0/volumeMounts", mount);
            all.push(pod);
        }
    }
    let mut known = BTreeSet::new();
    all.retain(|pod| known.insert(pod.to_string()));
    all
}

/// Sets a value; null takes it away.
fn put(pod: &mut Value, path: &str, value: Value) {
    let mut here = pod;
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    for step in &steps {
        here = match here {
            Value::Array(list) => {
                match step.parse::<usize>().ok().and_then(|at| list.get_mut(at)) {
                    Some(item) => item,
                    None => return,
                }
            }
            other => {
                if !other.is_object() {
                    *other = json!({});
                }
                &mut other[*step]
            }
        };
    }
    *here = value;
}

fn changes(policy: &Policy) -> Vec<(String, Value)> {
    let spec = &policy.spec;
    let mut all = Vec::new();
    let mut each = |places: &[&str], field: &str, values: &[Value]| {
        for place in places {
            for value in values {
                all.push((format!("{place}/{field}"), value.clone()));
            }
        }
    };
    let both = [json!(true), json!(false), Value::Null];
    let any = Rule::default();
    each(&CONTEXTS, "runAsNonRoot", &both);
    each(&CONTEXTS, "runAsUser", &numbers(&spec.run_as_user));
    let groups = numbers(spec.run_as_group.as_ref().unwrap_or(&any));
    each(&CONTEXTS, "runAsGroup", &groups);
    each(&CONTEXTS[..1], "fsGroup", &numbers(&spec.fs_group));
    let mut lists = vec![json!([])];
    for number in numbers(&spec.supplemental_groups) {
        lists.push(if number.is_null() {
            number
        } else {
            json!([number])
        });
    }
    let least = spec
        .supplemental_groups
        .ranges
        .first()
        .map_or(7, |range| range.min);
    lists.push(json!([least, 1_999_999]));
    each(&CONTEXTS[..1], "supplementalGroups", &lists);
    each(&["/spec"], "hostPID", &both);
    each(&["/spec"], "hostIPC", &both);
    each(&["/spec"], "hostNetwork", &both);
    each(&CONTEXTS[1..], "readOnlyRootFilesystem", &both);
    each(&CONTEXTS[1..], "allowPrivilegeEscalation", &both);
    each(&CONTEXTS[1..], "privileged", &both[1..]);
    each(&CONTEXTS[1..], "capabilities", &capabilities(policy));
    each(
        &CONTEXTS,
        "seccompProfile",
        &profiles(policy, SECCOMP_ALLOWED),
    );
    each(
        &CONTEXTS,
        "appArmorProfile",
        &profiles(policy, APP_ARMOR_ALLOWED),
    );
    each(&CONTEXTS, "seLinuxOptions", &labels(policy));
    each(&CONTEXTS[..1], "sysctls", &sysctls(policy));
    let ports: Vec<Value> = spec
        .host_ports
        .iter()
        .flat_map(|range| [range.min - 1, range.min, range.max, range.max + 1])
        .chain([80])
        .filter(|port| (1..=65_535).contains(port))
        .map(|port| json!([{"containerPort": port, "hostPort": port}]))
        .collect();
    let containers = ["/spec/containers/0", "/spec/initContainers/0"];
    each(&containers, "ports", &ports);
    // These two only go together with others.
    let privileged = json!({"privileged": true, "allowPrivilegeEscalation": true});
    each(
        &["/spec/containers/0"],
        "securityContext",
        &[privileged, Value::Null],
    );
    all
}

fn numbers(rule: &Rule) -> Vec<Value> {
    let mut numbers: BTreeSet<i64> = [0, 7].into();
    for range in &rule.ranges {
        numbers.extend([range.min - 1, range.min, range.max, range.max + 1]);
    }
    numbers.retain(|number| (0..=i64::from(i32::MAX)).contains(number));
    let numbers = numbers.into_iter().map(|number| json!(number));
    numbers.chain([Value::Null]).collect()
}

fn capabilities(policy: &Policy) -> Vec<Value> {
    let spec = &policy.spec;
    let mut all = vec![Value::Null, json!({}), json!({"drop": ["ALL"]})];
    let required = &spec.required_drop_capabilities;
    let names = spec
        .allowed_capabilities
        .iter()
        .chain(&spec.default_add_capabilities);
    let names = names.map(String::as_str).filter(|name| *name != "*");
    for name in names.chain(["SYS_TIME", "CAP_CHOWN"]) {
        all.push(json!({"add": [name]}));
        all.push(json!({"add": [name], "drop": required}));
    }
    for left_out in 0..required.len() {
        let mut some = required.clone();
        some.remove(left_out);
        all.push(json!({"drop": some}));
    }
    all.push(json!({"drop": required}));
    all
}

fn profiles(policy: &Policy, annotation: &str) -> Vec<Value> {
    let list = policy.metadata.annotations.get(annotation);
    let listed = list.into_iter().flat_map(|list| list.split(','));
    let local = listed.filter_map(|element| element.strip_prefix("localhost/"));
    let local = local
        .filter(|profile| !profile.is_empty())
        .chain(["other"])
        .map(|profile| json!({"type": "Localhost", "localhostProfile": profile}));
    let plain = ["RuntimeDefault", "Unconfined"].map(|kind| json!({"type": kind}));
    plain
        .into_iter()
        .chain(local)
        .chain([Value::Null])
        .collect()
}

fn labels(policy: &Policy) -> Vec<Value> {
    let wanted = policy.spec.se_linux.se_linux_options.clone();
    let wanted = wanted.unwrap_or_else(|| json!({"level": "s0:c1,c2", "type": "spc_t"}));
    let mut all = vec![Value::Null, wanted.clone()];
    for field in ["user", "role", "type", "level"] {
        let mut other = wanted.clone();
        other[field] = json!("other_t");
        all.push(other);
    }
    if let Some((sensitivity, categories)) =
        wanted["level"].as_str().and_then(|it| it.split_once(':'))
    {
        let mut turned: Vec<&str> = categories.split(',').collect();
        turned.reverse();
        let mut other = wanted.clone();
        other["level"] = json!(format!("{sensitivity}:{}", turned.join(",")));
        all.push(other.clone());
        other["level"] = json!(format!("{sensitivity}:{},c9", turned.join(",")));
        all.push(other.clone());
        other["level"] = json!(sensitivity);
        all.push(other);
    }
    all
}

fn sysctls(policy: &Policy) -> Vec<Value> {
    let spec = &policy.spec;
    let mut names: BTreeSet<String> =
        ["kernel.shm_rmid_forced", "kernel.sem", "net.core.somaxconn"]
            .map(str::to_owned)
            .into();
    for pattern in spec
        .allowed_unsafe_sysctls
        .iter()
        .chain(&spec.forbidden_sysctls)
    {
        match pattern.strip_suffix('*') {
            // What comes behind may not end in a dot.
            Some(prefix) => names.insert(format!("{prefix}x1")),
            None => names.insert(pattern.clone()),
        };
    }
    let mut all: Vec<Value> = names
        .into_iter()
        .map(|name| json!([{"name": name, "value": "1"}]))
        .collect();
    all.push(json!([]));
    all
}

fn volumes(policy: &Policy) -> Vec<Value> {
    let spec = &policy.spec;
    let mut all = vec![
        json!({"emptyDir": {}}),
        json!({"secret": {"secretName": "s"}}),
        json!({"configMap": {"name": "m"}}),
        json!({"persistentVolumeClaim": {"claimName": "p"}}),
        json!({"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "metadata.name"}}]}}),
        json!({"nfs": {"server": "s", "path": "/"}}),
        json!({"cephfs": {"monitors": ["m"]}}),
        json!({"rbd": {"monitors": ["m"], "image": "i"}}),
        json!({"iscsi": {"targetPortal": "127.0.0.1", "iqn": "iqn.2001-04.com.example:a", "lun": 0}}),
        json!({"fc": {"targetWWNs": ["5"], "lun": 0}}),
        json!({"csi": {"driver": "other.example.com"}}),
        json!({"flexVolume": {"driver": "other/driver"}}),
        json!({"projected": {"sources": [{"configMap": {"name": "m"}}]}}),
        json!({"projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
            {"configMap": {"name": "kube-root-ca.crt"}}]}}),
        json!({"projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "audience": "a", "expirationSeconds": 3607}}]}}),
        json!({"projected": {"sources": [{"downwardAPI": {"items": [
            {"path": "namespace", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}),
        json!({"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}}}}}}),
    ];
    all.extend(
        spec.allowed_csi_drivers
            .iter()
            .map(|it| json!({"csi": {"driver": it.name}})),
    );
    let flex = spec.allowed_flex_volumes.iter();
    all.extend(flex.map(|it| json!({"flexVolume": {"driver": it.driver}})));
    let mut paths: BTreeSet<String> = ["/".to_owned(), "/elsewhere".to_owned()].into();
    for allowed in &spec.allowed_host_paths {
        let prefix = allowed.path_prefix.trim_end_matches('/');
        paths.extend([
            format!("{prefix}/"),
            format!("{prefix}/b/"),
            format!("{prefix}b"),
        ]);
        paths.insert(if prefix.is_empty() { "/" } else { prefix }.to_owned());
    }
    all.extend(
        paths
            .into_iter()
            .map(|path| json!({"hostPath": {"path": path}})),
    );
    for volume in &mut all {
        volume["name"] = json!("v");
    }
    all
}
