//! What the cases share: namespaces with a policy, and what the plugin decides.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Suite, eventually};
use serde_json::{Value, json};

/// Makes the namespaces, one per policy, and waits until pods can be made there.
pub(crate) fn namespaces(suite: &Suite, mode: &str, policies: &[(&str, String)]) -> Vec<String> {
    let names: Vec<String> = policies.iter().map(|_| suite.name("psa")).collect();
    let items: Vec<Value> = names
        .iter()
        .zip(policies)
        .map(|(name, (level, version))| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
                format!("pod-security.kubernetes.io/{mode}"): level,
                format!("pod-security.kubernetes.io/{mode}-version"): version,
            }}})
        })
        .collect();
    apply(suite, &items);
    eventually("every namespace has its service account", || {
        let list = suite.get("serviceaccounts -A --field-selector=metadata.name=default");
        let ready: BTreeSet<String> = list
            .and_then(|list| list["items"].as_array().cloned())
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item["metadata"]["namespace"].as_str().map(str::to_owned))
            .collect();
        names.iter().all(|name| ready.contains(name))
    });
    names
}

pub(crate) fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

pub(crate) fn apply(suite: &Suite, items: &[Value]) {
    suite
        .admin("apply --validate=false -f -")
        .stdin(&list(items))
        .run()
        .success();
}

/// What the plugin decides, by name of the object; only what does not pass.
pub(crate) fn decided(
    suite: &Suite,
    items: &[Value],
    level: &str,
    version: &str,
) -> BTreeMap<String, String> {
    let output = suite
        .admin("psp-advise --server-version cluster -o jsonl --fail-on never --level")
        .args([level, "--version", version, "-f", "-"])
        .stdin(&list(items))
        .run();
    let lines = output.success().stdout.lines();
    let decisions: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("a line is a document"))
        .collect();
    assert_eq!(decisions.len(), items.len(), "every object is decided");
    decisions
        .iter()
        .filter(|decision| decision["allowed"] == false)
        .map(|decision| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&decision["object"]["name"]),
                text(&decision["message"]),
            )
        })
        .collect()
}

/// A template without replicas, so that no pod is made.
pub(crate) fn template(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec}}})
}
