//! Roles: of claimers, of owners in their claims, of managers, of the reaper.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use serde_json::{Value, json};

use crate::model::meta;

const API: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";
/// Label of the roles that make up an owner's.
const AGGREGATE: &str = "groundcrew.dev/aggregate-to-claim-owner";

fn metadata(name: &str, namespace: Option<&str>) -> Value {
    let mut metadata = json!({"name": name, "labels": {meta::MANAGED_BY.0: meta::MANAGED_BY.1}});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    metadata
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": verbs})
}

fn named(group: &str, resource: &str, names: &[&str], verbs: &[&str]) -> Value {
    let mut rule = rule(group, &[resource], verbs);
    rule["resourceNames"] = json!(names);
    rule
}

fn cluster_role(name: &str, rules: &[Value]) -> Value {
    json!({
        "apiVersion": API,
        "kind": "ClusterRole",
        "metadata": metadata(name, None),
        "rules": rules,
    })
}

fn role(name: &str, rules: &[Value]) -> Value {
    json!({
        "apiVersion": API,
        "kind": "Role",
        "metadata": metadata(name, Some(SYSTEM_NAMESPACE)),
        "rules": rules,
    })
}

/// Binds a ClusterRole everywhere, or a Role in the namespace of records.
fn binding(kind: &str, name: &str, role: &str, subject: &Value) -> Value {
    let namespace = (kind == "Role").then_some(SYSTEM_NAMESPACE);
    json!({
        "apiVersion": API,
        "kind": format!("{kind}Binding"),
        "metadata": metadata(name, namespace),
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
        "subjects": [subject],
    })
}

fn subject(kind: &str, name: &str) -> Value {
    json!({"apiGroup": GROUP, "kind": kind, "name": name})
}

/// What an owner may do in a claim: work as with `edit`, and extend and release the claim. Without
/// the guard an owner may not write the namespace: its labels hold the pod security level.
#[must_use]
pub fn owners(guarded: bool) -> Vec<Value> {
    let verbs: &[&str] = if guarded {
        &["get", "patch", "delete"]
    } else {
        &["get", "delete"]
    };
    let mut rules = cluster_role(
        meta::OWNER_RULES,
        &[
            rule("", &["namespaces"], verbs),
            rule("groundcrew.dev", &["claims"], &["own"]),
        ],
    );
    rules["metadata"]["labels"][AGGREGATE] = json!("true");
    let selector = |label: &str| json!({"matchLabels": {label: "true"}});
    let owner = json!({
        "apiVersion": API,
        "kind": "ClusterRole",
        "metadata": metadata(meta::OWNER_ROLE, None),
        "aggregationRule": {"clusterRoleSelectors": [
            selector("rbac.authorization.k8s.io/aggregate-to-edit"),
            selector(AGGREGATE),
        ]},
    });
    let manager = cluster_role(
        meta::MANAGER_ROLE,
        &[rule("groundcrew.dev", &["claims"], &["manage"])],
    );
    vec![rules, owner, manager]
}

/// What a claimer can do, and the probe that the guard is tested with before anyone else can.
#[must_use]
pub fn claimers_and_probe() -> Vec<Value> {
    let probe = subject("User", meta::PROBE_USER);
    vec![
        cluster_role(
            meta::CLAIMER_ROLE,
            &[
                rule("groundcrew.dev", &["claims"], &["create"]),
                rule("", &["namespaces"], &["create", "get"]),
                rule("", &["limitranges", "resourcequotas"], &["create"]),
                rule("networking.k8s.io", &["networkpolicies"], &["create"]),
                rule(GROUP, &["rolebindings"], &["create"]),
                named(
                    GROUP,
                    "clusterroles",
                    &[meta::OWNER_ROLE, "edit"],
                    &["bind"],
                ),
            ],
        ),
        role(
            meta::CLAIMER_ROLE,
            &[named("", "configmaps", &[meta::INDEX], &["get", "patch"])],
        ),
        binding("ClusterRole", meta::PROBE_USER, meta::CLAIMER_ROLE, &probe),
        binding("Role", meta::PROBE_USER, meta::CLAIMER_ROLE, &probe),
    ]
}

/// What lets the group of claimers claim; last, when the guard is known to deny.
#[must_use]
pub fn grant() -> Vec<Value> {
    let group = subject("Group", meta::CLAIMERS_GROUP);
    vec![
        binding(
            "ClusterRole",
            meta::CLAIMERS_GROUP,
            meta::CLAIMER_ROLE,
            &group,
        ),
        binding("Role", meta::CLAIMERS_GROUP, meta::CLAIMER_ROLE, &group),
    ]
}

/// The reaper's account with the verbs that it uses, and no others.
#[must_use]
pub fn reaper() -> Vec<Value> {
    let account = json!({
        "kind": "ServiceAccount",
        "name": meta::REAPER,
        "namespace": SYSTEM_NAMESPACE,
    });
    let name = "groundcrew:claim-reaper";
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": metadata(meta::REAPER, Some(SYSTEM_NAMESPACE)),
        }),
        cluster_role(
            name,
            &[
                rule("", &["namespaces"], &["get", "list", "patch", "delete"]),
                rule("", &["events"], &["create"]),
                // Pods whose grace would keep what is going.
                rule("", &["pods"], &["list", "delete"]),
                rule(
                    "",
                    &["services", "persistentvolumes", "resourcequotas"],
                    &["list"],
                ),
            ],
        ),
        binding("ClusterRole", name, name, &account),
        role(
            name,
            &[
                named("", "configmaps", &[meta::INDEX, meta::LEDGER], &["get"]),
                // Tombstones and parts of the ledger have names that nobody knows beforehand.
                rule(
                    "",
                    &["configmaps"],
                    &["list", "create", "update", "patch", "delete"],
                ),
            ],
        ),
        binding("Role", name, name, &account),
    ]
}
