use std::collections::BTreeMap;

use groundcrew::exit::Exit;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, ResourceQuota};
use serde_json::{Value, json};

use super::*;
use crate::commands::status::observe::Observed;
use crate::commands::status::obstacle::Reason;
use crate::model::credential_kind::CredentialKind;
use crate::model::found;
use crate::model::generation::Generation;
use crate::model::record::Record;
use crate::model::settings::{ProfileName, Settings};
use crate::model::user::UserName;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn read<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn alice() -> (UserName, Observed) {
    let user = UserName::parse("alice").unwrap();
    let mut record = Record::new(&user, "alice", Settings::default());
    record.generations.push(Generation {
        asserted: None,
        generation: 1,
        kind: CredentialKind::Certificate,
        sha256: None,
        groups: Vec::new(),
        not_after: at("2026-12-21T09:00:00Z"),
        issued_at: at("2026-11-21T09:00:00Z"),
        issued_by: "carol".to_owned(),
        proved_at: None,
        retire_after: None,
        revoked_at: None,
    });
    let found = Observed {
        record,
        namespace: Ok(Some(found::FoundNamespace::default())),
        quotas: Ok(Vec::new()),
        pods: Ok(Vec::new()),
        replica_sets: Ok(Vec::new()),
        refused: Ok(Vec::new()),
        short: Ok(BTreeMap::new()),
    };
    (user, found)
}

fn now() -> Timestamp {
    at("2026-11-21T12:00:00Z")
}

fn pod(state: &Value) -> Pod {
    read(json!({
        "metadata": {"name": "web"},
        "status": {"containerStatuses": [{
            "name": "web", "image": "web:1", "imageID": "", "ready": false, "restartCount": 4,
            "state": state,
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }]},
    }))
}

fn running(at: &str) -> Pod {
    pod(&json!({"running": {"startedAt": at}}))
}

#[test]
fn the_first_pod_counts_from_the_first_credential() {
    let (user, mut found) = alice();
    found.pods = Ok(vec![
        running("2026-11-21T10:00:00Z"),
        running("2026-11-21T09:00:41Z"),
    ]);
    let first = status(&user, &found, now()).first_pod;
    assert_eq!(first.after_seconds, Some(41));
    assert_eq!(first.within_30_minutes, Verdict::Yes);
}

#[test]
fn pods_that_may_be_gone_are_not_guessed_at() {
    let (user, mut found) = alice();
    let late = status(&user, &found, now());
    assert_eq!(late.first_pod.within_30_minutes, Verdict::Unknown);
    assert!(late.remark().is_some());
    let early = status(&user, &found, at("2026-11-21T09:10:00Z"));
    assert_eq!(early.first_pod.within_30_minutes, Verdict::Open);
    found.pods = Ok(vec![running("2026-11-21T11:00:00Z")]);
    let late = status(&user, &found, now());
    assert_eq!(late.first_pod.after_seconds, Some(7200));
    assert_eq!(late.first_pod.within_30_minutes, Verdict::Unknown);
    found.pods = Err("forbidden".to_owned());
    let unseen = status(&user, &found, at("2026-11-21T09:10:00Z"));
    assert_eq!(unseen.first_pod.within_30_minutes, Verdict::Unknown);
    assert_eq!(unseen.exit(), Exit::Incomplete);
}

fn quota(used: &str) -> ResourceQuota {
    read(json!({
        "metadata": {"name": "onboard"},
        "status": {
            "hard": {"pods": "20", "requests.cpu": "2", "requests.memory": "4Gi",
                     "services.loadbalancers": "0"},
            "used": {"pods": used, "requests.cpu": "100m", "requests.memory": "128Mi",
                     "services.loadbalancers": "0"},
        },
    }))
}

#[test]
fn a_quota_is_exhausted_when_it_is_used_up_and_not_when_it_is_zero() {
    let (user, mut found) = alice();
    found.quotas = Ok(vec![quota("1")]);
    let good = status(&user, &found, now());
    assert_eq!(good.exit(), Exit::Done, "{:?}", good.obstacles);
    assert_eq!(
        good.usage.unwrap().summary(),
        "1/20 pods, 0.1/2 CPU, 0.1/4Gi"
    );
    found.quotas = Ok(vec![quota("20")]);
    let full = status(&user, &found, now());
    assert_eq!(full.exit(), Exit::No);
    assert_eq!(full.obstacles.len(), 1);
    assert_eq!(full.obstacles[0].message, "pods: 20 of 20 used");
}

#[test]
fn what_a_container_waits_for_is_told_apart() {
    for (word, reason) in [
        ("ImagePullBackOff", Reason::ImagePull),
        ("ErrImagePull", Reason::ImagePull),
        ("CreateContainerConfigError", Reason::ContainerConfig),
        ("CrashLoopBackOff", Reason::CrashLoop),
    ] {
        let (user, mut found) = alice();
        found.pods = Ok(vec![pod(&json!({"waiting": {"reason": word}}))]);
        let got = status(&user, &found, now()).obstacles;
        assert_eq!(got.len(), 1, "{word}");
        assert_eq!((got[0].reason, got[0].object.as_str()), (reason, "pod/web"));
    }
    let (user, mut found) = alice();
    found.pods = Ok(vec![pod(
        &json!({"waiting": {"reason": "ContainerCreating"}}),
    )]);
    assert!(status(&user, &found, now()).obstacles.is_empty());
}

#[test]
fn refusals_are_told_apart_by_the_words_of_the_admission_plugins() {
    for (message, reason) in [
        (
            "pods \"a\" is forbidden: exceeded quota: onboard, requested: pods=1",
            Reason::QuotaRefusal,
        ),
        (
            "pods \"a\" is forbidden: failed quota: onboard: must specify cpu",
            Reason::QuotaRefusal,
        ),
        (
            "pods \"a\" is forbidden: violates PodSecurity \"baseline:latest\": hostNetwork",
            Reason::PodSecurityRefusal,
        ),
        (
            "pods \"a\" is forbidden: maximum cpu usage per Container is 1, but limit is 2",
            Reason::LimitRangeRefusal,
        ),
        ("admission webhook denied the request", Reason::Refused),
    ] {
        let (user, mut found) = alice();
        let set = read(json!({
            "metadata": {"name": "web-1", "ownerReferences": [{"apiVersion": "apps/v1",
                "kind": "Deployment", "name": "web", "uid": "u", "controller": true}]},
            "status": {"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True",
                "reason": "FailedCreate", "message": message}]},
        }));
        found.replica_sets = Ok(vec![set]);
        let got = status(&user, &found, now()).obstacles;
        assert_eq!(got.len(), 1, "{message}");
        assert_eq!(
            (got[0].reason, got[0].object.as_str()),
            (reason, "deployment/web")
        );
    }
}

#[test]
fn an_event_counts_only_while_its_object_is_short_of_pods() {
    let (user, mut found) = alice();
    let event = read(json!({
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "StatefulSet", "name": "db"},
        "reason": "FailedCreate",
        "message": "create Pod db-0 in StatefulSet db failed error: pods \"db-0\" is forbidden: \
                    exceeded quota: onboard",
    }));
    found.refused = Ok(vec![event]);
    let maker = ("StatefulSet".to_owned(), "db".to_owned());
    found.short = Ok(BTreeMap::from([(maker.clone(), false)]));
    assert!(status(&user, &found, now()).obstacles.is_empty());
    found.short = Ok(BTreeMap::from([(maker, true)]));
    let got = status(&user, &found, now()).obstacles;
    assert_eq!(got[0].reason, Reason::QuotaRefusal);
    assert!(got[0].message.starts_with("pods \"db-0\" is forbidden"));
}

#[test]
fn without_a_credential_nothing_can_be_done() {
    let (user, found) = alice();
    let ended = status(&user, &found, at("2027-01-01T00:00:00Z"));
    assert_eq!(ended.obstacles[0].reason, Reason::NoCredential);
    assert!(ended.credential.is_none());
}

#[test]
fn a_quota_is_raised_by_whoever_made_it() {
    let (_, mut found) = alice();
    let fix = |found: &Observed, name: &str| {
        let quota: ResourceQuota = read(json!({
            "metadata": {"name": name},
            "status": {"hard": {"pods": "6"}, "used": {"pods": "6"}}}));
        obstacle::of_quota(&quota, &found.record)[0].fix.clone()
    };
    assert!(fix(&found, "onboard").ends_with("kubectl onboard alice --profile medium"));
    found.record.settings.profile = ProfileName::Medium;
    assert!(fix(&found, "onboard").ends_with("--profile large"));
    let foreign = fix(&found, "six");
    assert!(
        foreign.contains("did not make this quota")
            && foreign.contains("resourcequota six -n alice"),
        "{foreign}"
    );
    found.record.settings.no_namespace = true;
    assert!(fix(&found, "onboard").contains("did not make this quota"));
}

#[test]
fn a_pod_that_is_over_its_grace_is_named_with_its_node() {
    let (user, mut found) = alice();
    let pod = |ended: &str, finalizers: Value| {
        read(json!({
            "metadata": {"name": "web", "deletionTimestamp": ended, "finalizers": finalizers},
            "spec": {"nodeName": "ghost", "containers": []}}))
    };
    found.pods = Ok(vec![pod("2026-11-21T11:59:30Z", json!(null))]);
    assert_eq!(status(&user, &found, now()).obstacles, []);
    found.pods = Ok(vec![pod("2026-11-21T11:50:00Z", json!(null))]);
    let late = &status(&user, &found, now()).obstacles[0];
    assert_eq!(
        (late.reason, late.message.as_str()),
        (
            Reason::Terminating,
            "terminating, 10m over its grace: node ghost has not confirmed its end"
        )
    );
    found.pods = Ok(vec![pod(
        "2026-11-21T11:50:00Z",
        json!(["example.com/keep"]),
    )]);
    let held = &status(&user, &found, now()).obstacles[0];
    assert!(
        held.message
            .ends_with("finalizer example.com/keep keeps it"),
        "{held:?}"
    );
}
