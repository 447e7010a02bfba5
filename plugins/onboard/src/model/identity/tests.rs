use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::model::settings::{Membership, Settings};

const JOINED: &str = "2026-12-01T00:00:00Z";

fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

fn record() -> Record {
    let memberships = vec![Membership {
        namespace: "shop".to_owned(),
        role: "view".to_owned(),
    }];
    let settings = Settings {
        memberships,
        extras: vec![Extra::Claims],
        ..Settings::default()
    };
    Record::new(&alice(), "alice", settings)
}

fn subject(word: &str) -> Subject {
    let (kind, name) = word.split_once(' ').unwrap();
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, name),
    };
    Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace,
        ..Subject::default()
    }
}

fn binding(place: &str, role: &str, subjects: &[&str]) -> Binding {
    let (namespace, name) = match place.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, place),
    };
    let (kind, role) = role.split_once(' ').unwrap();
    Binding {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace,
            creation_timestamp: Some(Time(JOINED.parse().unwrap())),
            ..ObjectMeta::default()
        },
        role: RoleRef {
            kind: kind.to_owned(),
            name: role.to_owned(),
            ..RoleRef::default()
        },
        subjects: subjects.iter().map(|word| subject(word)).collect(),
    }
}

fn found(all: &[Binding]) -> Vec<String> {
    let claimed = ["claim-1".to_owned()];
    let others = others(&alice(), &record(), &claimed, all);
    others.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_on_record_is_no_other_binding() {
    let group = &["Group onboard:alice:g1"];
    let given = [
        binding("alice/onboard-alice", "ClusterRole edit", group),
        binding("shop/onboard-alice", "ClusterRole view", group),
        binding(
            "onboard-alice-claims",
            "ClusterRole groundcrew:claimer",
            group,
        ),
        binding(
            "groundcrew-system/onboard-alice-claims",
            "Role groundcrew:claimer",
            group,
        ),
        binding("claim-1/claim-owner", "ClusterRole admin", &["User alice"]),
        binding(
            "shop/of-others",
            "ClusterRole admin",
            &["User bob", "Group onboard:alicea:g1"],
        ),
    ];
    assert_eq!(found(&given), [""; 0]);
}

#[test]
fn every_other_binding_that_names_the_user_is_told_with_the_subject() {
    let all = [
        binding(
            "shop/sneaky",
            "ClusterRole admin",
            &["User bob", "User alice"],
        ),
        binding(
            "shop/onboard-alice",
            "ClusterRole admin",
            &["Group onboard:alice:g1"],
        ),
        binding(
            "left/claim-owner",
            "ClusterRole edit",
            &["Group onboard:alice:g1"],
        ),
        binding(
            "admins",
            "ClusterRole cluster-admin",
            &["Group onboard:alice:g7"],
        ),
    ];
    assert_eq!(
        found(&all),
        [
            "rolebinding/shop/sneaky grants ClusterRole admin to user alice",
            "rolebinding/shop/onboard-alice grants ClusterRole admin to group onboard:alice:g1",
            "rolebinding/left/claim-owner grants ClusterRole edit to group onboard:alice:g1",
            "clusterrolebinding/admins grants ClusterRole cluster-admin to group onboard:alice:g7",
        ]
    );
}

#[test]
fn bindings_of_service_accounts_count_from_the_moment_the_user_joined() {
    let all = [
        binding(
            "shop/ci",
            "ClusterRole edit",
            &["ServiceAccount shop/ci", "User bob"],
        ),
        binding("web/ci", "ClusterRole edit", &["ServiceAccount shop/ci"]),
        binding(
            "shop/token",
            "ClusterRole edit",
            &["ServiceAccount groundcrew-system/onboard-bob"],
        ),
    ];
    let since: Timestamp = JOINED.parse().unwrap();
    let made = made_since(&all, "shop", since);
    let told: Vec<String> = made.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["rolebinding/shop/ci grants ClusterRole edit to serviceaccount shop/ci"]
    );
    let later = since
        .checked_add(jiff::SignedDuration::from_secs(1))
        .unwrap();
    assert_eq!(made_since(&all, "shop", later), []);
}
