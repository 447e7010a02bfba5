use crate::model::labels;

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;
use crate::commands::offboard::observe::Found;
use crate::model::credential_kind::CredentialKind;
use crate::model::found::{FoundNamespace, FoundRecord};
use crate::model::generation::Generation;
use crate::model::login::Asserted;
use crate::model::record::Record;
use crate::model::settings::Settings;
use crate::model::user::UserName;

const NOW: &str = "2026-12-01T00:00:00Z";

fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn subject(kind: &str, name: &str) -> Subject {
    let account = kind == "ServiceAccount";
    Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: account.then(|| SYSTEM_NAMESPACE.to_owned()),
        ..Subject::default()
    }
}

fn binding(place: &str, subjects: &[Subject]) -> Binding {
    let (namespace, name) = match place.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, place),
    };
    Binding {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace,
            ..ObjectMeta::default()
        },
        role: RoleRef {
            kind: "ClusterRole".to_owned(),
            name: "edit".to_owned(),
            ..RoleRef::default()
        },
        subjects: subjects.to_vec(),
    }
}

fn issue(generation: u32, not_after: &str, groups: &[&str]) -> Generation {
    Generation {
        generation,
        kind: CredentialKind::Certificate,
        sha256: Some("ab".repeat(32)),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        asserted: None,
        not_after: not_after.parse().unwrap(),
        issued_at: "2026-11-01T00:00:00Z".parse().unwrap(),
        issued_by: "carol".to_owned(),
        proved_at: None,
        retire_after: None,
        revoked_at: None,
    }
}

fn recorded(generations: Vec<Generation>) -> Option<FoundRecord> {
    let mut record = Record::new(&alice(), "alice", Settings::default());
    record.generations = generations;
    Some(FoundRecord {
        record,
        metadata: ObjectMeta::default(),
    })
}

fn namespace(owner: Option<&str>) -> Option<FoundNamespace> {
    let owner = owner.map(|owner| (labels::OWNER.to_owned(), owner.to_owned()));
    Some(FoundNamespace {
        annotations: owner.into_iter().collect(),
        metadata: ObjectMeta {
            name: Some("alice".to_owned()),
            ..ObjectMeta::default()
        },
        ..FoundNamespace::default()
    })
}

fn decide(found: &Found) -> Plan {
    plan(&alice(), found, false, now()).unwrap()
}

#[test]
fn a_binding_that_names_others_is_kept() {
    let bob = subject("User", "bob");
    let found = Found {
        bindings: vec![
            binding(
                "alice/onboard-alice",
                &[subject("Group", "onboard:alice:g7")],
            ),
            binding("web/mixed", &[subject("User", "alice"), bob.clone()]),
            binding("ops", &[subject("ServiceAccount", "onboard-alice")]),
            binding(
                "alias",
                &[subject(
                    "User",
                    "system:serviceaccount:groundcrew-system:onboard-alice",
                )],
            ),
            binding(
                "other",
                &[bob.clone(), subject("Group", "onboard:alice2:g1")],
            ),
            binding("none", &[]),
        ],
        ..Found::default()
    };
    let plan = decide(&found);
    let taken: Vec<(String, usize)> = plan
        .bindings()
        .map(|unbind| (unbind.binding.describe(), unbind.others.len()))
        .collect();
    let expected = [
        ("rolebinding alice/onboard-alice", 0),
        ("rolebinding web/mixed", 1),
        ("clusterrolebinding ops", 0),
        ("clusterrolebinding alias", 0),
    ];
    assert_eq!(
        taken,
        expected.map(|(name, others)| (name.to_owned(), others))
    );
    assert_eq!(plan.highest_generation, 7);
    assert_eq!(plan.groups, ["onboard:alice:g7"]);
    assert_eq!(plan.places, ["alice", "web"]);
}

#[test]
fn an_unknown_name_is_an_error() {
    let found = Found {
        bindings: vec![binding("other", &[subject("User", "bob")])],
        namespace: namespace(Some("bob")),
        ..Found::default()
    };
    let error = plan(&alice(), &found, false, now()).unwrap_err();
    assert!(error.to_string().contains("not on record"), "{error}");
}

#[test]
fn a_shared_group_counts_as_long_as_its_certificate_lasts() {
    let devs = binding(
        "web/devs",
        &[subject("Group", "devs"), subject("Group", "old")],
    );
    let found = Found {
        record: recorded(vec![
            issue(1, "2026-11-30T00:00:00Z", &["old", "onboard:alice:g1"]),
            issue(
                2,
                "2026-12-30T00:00:00Z",
                &["devs", "idle", "onboard:alice:g2"],
            ),
        ]),
        bindings: vec![devs],
        ..Found::default()
    };
    let plan = decide(&found);
    let shared: Vec<&str> = plan.shared.iter().map(|one| one.group.as_str()).collect();
    assert_eq!(shared, ["devs"]);
    assert_eq!(plan.shared[0].binding, "rolebinding web/devs");
    assert_eq!(plan.bindings().count(), 0);
    assert_eq!(
        plan.groups,
        ["onboard:alice:g1", "onboard:alice:g2", "devs", "idle"]
    );
}

#[test]
fn only_a_namespace_that_is_theirs_goes() {
    let end = |found: &Found, keep| {
        let plan = plan(&alice(), found, keep, now()).unwrap();
        plan.namespace().cloned().unwrap()
    };
    let mut found = Found {
        record: recorded(Vec::new()),
        namespace: namespace(Some("alice")),
        bindings: vec![binding("alice/more", &[subject("User", "bob")])],
        ..Found::default()
    };
    let NamespaceEnd::Deleted { others, .. } = end(&found, false) else {
        panic!("it is theirs");
    };
    assert_eq!(others, ["user bob"]);
    assert_eq!(end(&found, true), NamespaceEnd::Kept("alice".to_owned()));
    for owner in [None, Some("bob")] {
        found.namespace = namespace(owner);
        assert_eq!(
            end(&found, false),
            NamespaceEnd::NotOwned("alice".to_owned())
        );
    }
    found.namespace = namespace(Some("alice"));
    if let Some(namespace) = &mut found.namespace {
        namespace.terminating = true;
    }
    assert_eq!(end(&found, false), NamespaceEnd::Going("alice".to_owned()));
}

#[test]
fn a_request_that_was_decided_is_left_alone() {
    let request = |condition: Option<&str>| {
        let conditions = condition
            .map(|kind| serde_json::json!({"conditions": [{"type": kind, "status": "True"}]}));
        serde_json::from_value(serde_json::json!({
            "metadata": {}, "status": conditions.unwrap_or_default(),
            "spec": {"request": "", "signerName": "x"},
        }))
        .unwrap()
    };
    let found = Found {
        record: recorded(Vec::new()),
        requests: vec![
            request(None),
            request(Some("Approved")),
            request(Some("Denied")),
            request(Some("Failed")),
        ],
        ..Found::default()
    };
    let plan = decide(&found);
    let denied = plan
        .steps
        .iter()
        .filter(|step| step.kind() == Kind::Request);
    assert_eq!(denied.count(), 1);
}

#[test]
fn a_login_counts_everywhere_and_its_group_only_in_the_users_own_binding() {
    let login = |generation, asserted| Generation {
        kind: CredentialKind::Oidc,
        asserted: Some(asserted),
        ..issue(generation, "9999-01-01T00:00:00Z", &["oidc:devs"])
    };
    let mut own = binding("alice/onboard-alice", &[subject("Group", "oidc:devs")]);
    let label = (labels::USER_LABEL.to_owned(), "alice".to_owned());
    own.metadata.labels = Some([label].into());
    let found = Found {
        record: recorded(vec![
            login(1, Asserted::User("oidc:alice".to_owned())),
            login(2, Asserted::Group("oidc:devs".to_owned())),
        ]),
        bindings: vec![
            own,
            binding("web/by-login", &[subject("User", "oidc:alice")]),
            binding("web/devs", &[subject("Group", "oidc:devs")]),
        ],
        ..Found::default()
    };
    let plan = decide(&found);
    let taken: Vec<String> = plan.bindings().map(|one| one.binding.describe()).collect();
    assert_eq!(
        taken,
        [
            "rolebinding alice/onboard-alice",
            "rolebinding web/by-login"
        ]
    );
    let shared: Vec<&str> = plan.shared.iter().map(|one| one.binding.as_str()).collect();
    assert_eq!(shared, ["rolebinding web/devs"]);
    assert_eq!(plan.names, ["oidc:alice"]);
}

#[test]
fn rights_are_taken_before_credentials_and_namespaces() {
    let found = Found {
        record: recorded(vec![issue(1, "2026-12-30T00:00:00Z", &[])]),
        bindings: vec![
            binding(
                "web/mixed",
                &[subject("User", "alice"), subject("User", "bob")],
            ),
            binding("wide", &[subject("User", "alice")]),
        ],
        secrets: vec![ObjectMeta {
            name: Some("onboard-alice-g1".to_owned()),
            ..ObjectMeta::default()
        }],
        namespace: namespace(Some("alice")),
        ..Found::default()
    };
    let told: Vec<String> = decide(&found)
        .steps
        .iter()
        .map(|step| format!("{} {}", step.object(), step.change()))
        .collect();
    assert_eq!(
        told,
        [
            "configmap/groundcrew-system/onboard-alice configured",
            "rolebinding/web/mixed configured",
            "clusterrolebinding/wide deleted",
            "secret/groundcrew-system/onboard-alice-g1 deleted",
            "namespace/alice deleted",
        ]
    );
    assert!(!decide(&found).is_empty());
}

#[test]
fn a_second_run_has_nothing_to_take() {
    let found = Found {
        record: recorded(vec![issue(1, "2026-12-30T00:00:00Z", &[])]),
        namespace: namespace(None),
        ..Found::default()
    };
    assert!(decide(&found).is_empty());
}
