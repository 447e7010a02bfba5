//! What separates a grant from what was asked.

use can_i_audit::model::engine::World;
use can_i_audit::model::nearest::misses;
use can_i_audit::model::policy::{Binding, Meta, Policy, Role, RoleRef, Rule, Subject as Stored};
use can_i_audit::model::question::{Action, Question, Resource, Target};
use can_i_audit::model::subject::Subject;

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// Role a/r for sa:a/x and group g: get pods, named get of configmaps, `pods/*`.
fn policy() -> Policy {
    let meta = |name: &str| Meta {
        name: name.to_owned(),
        namespace: "a".to_owned(),
        ..Meta::default()
    };
    let rule = |resources: &[&str], names: &[&str]| Rule {
        verbs: words(&["get"]),
        api_groups: words(&[""]),
        resources: words(resources),
        resource_names: words(names),
        ..Rule::default()
    };
    Policy {
        roles: vec![Role {
            metadata: meta("r"),
            rules: vec![
                rule(&["pods", "pods/*"], &[]),
                rule(&["configmaps"], &["one"]),
            ],
            aggregation_rule: None,
        }],
        role_bindings: vec![Binding {
            metadata: meta("b"),
            role_ref: RoleRef {
                kind: "Role".to_owned(),
                name: "r".to_owned(),
            },
            subjects: vec![Stored {
                kind: "ServiceAccount".to_owned(),
                namespace: String::new(),
                name: "x".to_owned(),
            }],
        }],
        ..Policy::default()
    }
}

fn nearest(subject: &str, verb: &str, group: &str, what: &str, namespace: &str) -> Vec<String> {
    let policy = policy();
    let world = World::new(&policy);
    let subject: Subject = subject.parse().expect("a subject");
    let (resource, subresource) = what.split_once('/').unwrap_or((what, ""));
    let question = Question {
        principal: subject.principal(&[], true),
        action: Action {
            verb: verb.to_owned(),
            target: Target::Resource(Resource {
                group: group.to_owned(),
                resource: resource.to_owned(),
                subresource: subresource.to_owned(),
                name: String::new(),
                namespace: namespace.to_owned(),
                ..Resource::default()
            }),
        },
    };
    let mut found = misses(&world, &question, 1);
    found.pop().map(|miss| miss.missing).unwrap_or_default()
}

#[test]
fn each_difference_is_named() {
    let x = "sa:a/x";
    let says = |found: Vec<String>, text: &str| {
        assert!(
            found.len() == 1 && found[0].contains(text),
            "{text}: {found:?}"
        );
    };
    says(
        nearest(x, "delete", "", "pods", "a"),
        "grants get, not delete",
    );
    says(
        nearest(x, "get", "", "pods", "b"),
        "in namespace a, not in b",
    );
    says(nearest(x, "get", "", "pods", ""), ", not cluster-wide");
    says(nearest(x, "get", "apps", "pods", "a"), "API group");
    says(
        nearest(x, "get", "", "configmaps", "a"),
        "limited to the names \"one\"",
    );
    says(nearest(x, "get", "", "pods/log", "a"), "different resource");
    says(
        nearest("user:y", "get", "", "pods", "a"),
        "granted to sa:a/x",
    );
}

#[test]
fn what_has_nothing_to_do_with_the_question_is_not_near() {
    assert_eq!(
        nearest("sa:a/x", "get", "", "secrets", "a"),
        [] as [String; 0]
    );
    assert_eq!(
        nearest("user:y", "delete", "", "pods", "a"),
        [] as [String; 0]
    );
}
