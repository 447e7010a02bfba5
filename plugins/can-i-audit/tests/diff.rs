//! Access is compared, not objects.

use can_i_audit::model::catalog::Catalog;
use can_i_audit::model::diff::{Diff, diff};
use can_i_audit::model::policy::{Binding, Meta, Policy, Role, RoleRef, Rule, Subject};

fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
    let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
    Rule {
        verbs: words(verbs),
        api_groups: words(groups),
        resources: words(resources),
        resource_names: words(names),
        ..Rule::default()
    }
}

fn meta(namespace: &str, name: &str) -> Meta {
    Meta {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ..Meta::default()
    }
}

/// One role for user x; a ClusterRoleBinding when the namespace is empty.
fn policy(namespace: &str, name: &str, rules: Vec<Rule>) -> Policy {
    let binding = Binding {
        metadata: meta(namespace, name),
        role_ref: RoleRef {
            kind: "ClusterRole".to_owned(),
            name: name.to_owned(),
        },
        subjects: vec![Subject {
            kind: "User".to_owned(),
            namespace: String::new(),
            name: "x".to_owned(),
        }],
    };
    let mut policy = Policy {
        catalog: Catalog::built_in(),
        cluster_roles: vec![Role {
            metadata: meta("", name),
            rules,
            aggregation_rule: None,
        }],
        ..Policy::default()
    };
    if namespace.is_empty() {
        policy.cluster_role_bindings.push(binding);
    } else {
        policy.role_bindings.push(binding);
    }
    policy
}

fn lines(diff: &Diff) -> Vec<String> {
    let cell = |sign: &str, place: &str, index: &usize| {
        let cell = &diff.universe.permissions[*index];
        let name = cell.name.as_deref().unwrap_or("*");
        format!("{sign}{place} {} {} {name}", cell.verb, cell.resource)
    };
    diff.changes
        .iter()
        .flat_map(|change| {
            let place = change.namespace.clone().unwrap_or_default();
            let gained = change.gained.iter().map(|one| cell("+", &place, one));
            let lost = change.lost.iter().map(|one| cell("-", &place, one));
            gained.chain(lost).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn renaming_splitting_and_reordering_is_no_change() {
    let one = policy(
        "a",
        "r",
        vec![rule(
            &["get", "list"],
            &["", "apps"],
            &["pods", "deployments"],
            &[],
        )],
    );
    let mut parts = Vec::new();
    for (group, resource) in [
        ("apps", "deployments"),
        ("", "pods"),
        ("apps", "pods"),
        ("", "deployments"),
    ] {
        for verb in ["list", "get"] {
            parts.push(rule(&[verb], &[group], &[resource], &[]));
        }
    }
    let other = policy("a", "renamed", parts);
    assert_eq!(lines(&diff(&one, &other)), [] as [String; 0]);
}

#[test]
fn a_wildcard_in_place_of_everything_there_is_is_no_change() {
    let verbs = [
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ];
    let one = policy("", "r", vec![rule(&["*"], &[""], &["configmaps"], &[])]);
    let other = policy("", "r", vec![rule(&verbs, &[""], &["configmaps"], &[])]);
    assert_eq!(lines(&diff(&one, &other)), [] as [String; 0]);
}

#[test]
fn one_verb_more_is_exactly_that_cell() {
    let one = policy("a", "r", vec![rule(&["get"], &[""], &["pods"], &[])]);
    let other = policy(
        "a",
        "r",
        vec![rule(&["get", "delete"], &[""], &["pods"], &[])],
    );
    assert_eq!(lines(&diff(&one, &other)), ["+a delete pods *"]);
    assert_eq!(lines(&diff(&other, &one)), ["-a delete pods *"]);
}

#[test]
fn a_limit_to_names_is_a_loss_of_all_other_names() {
    let one = policy("a", "r", vec![rule(&["get"], &[""], &["pods"], &[])]);
    let other = policy("a", "r", vec![rule(&["get"], &[""], &["pods"], &["n"])]);
    assert_eq!(lines(&diff(&one, &other)), ["-a get pods *"]);
}

#[test]
fn what_moves_from_one_namespace_to_the_cluster_is_told_once() {
    let rules = || vec![rule(&["get"], &[""], &["pods", "nodes"], &[])];
    let changes = lines(&diff(&policy("a", "r", rules()), &policy("", "r", rules())));
    assert_eq!(changes, ["+ get nodes *", "+ get pods *"]);
}
