use crate::commands::doctor::judge::tests::healthy;
use crate::model::labels;
use crate::model::objects::binding;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::*;
use crate::commands::doctor::observe::Observed;
use crate::model::credential_kind::CredentialKind;
use crate::model::generation::Generation;
use crate::model::holder::Holder;
use crate::model::record::{Begun, Record};
use crate::model::settings::Settings;
use crate::model::user::UserName;

fn now() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().unwrap()
}

fn ago(minutes: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - minutes * 60).unwrap()
}

fn read<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn issue(generation: u32, kind: CredentialKind) -> Generation {
    Generation {
        asserted: None,
        generation,
        kind,
        sha256: None,
        groups: Vec::new(),
        not_after: ago(-600),
        issued_at: ago(60),
        issued_by: "carol".to_owned(),
        proved_at: None,
        retire_after: None,
        revoked_at: None,
    }
}

/// Alice with one certificate, everything as it should be.
fn alice() -> (Observed, UserName) {
    let user = UserName::parse("alice").unwrap();
    let mut record = Record::new(&user, "alice", Settings::default());
    record
        .generations
        .push(issue(1, CredentialKind::Certificate));
    let mut found = healthy();
    let binding = binding::role_binding("alice", &user, "edit", &record.holders(&user, now()));
    found.bindings = Ok(vec![binding]);
    found.namespaces = Ok(vec![labels::object("alice", None, &user)]);
    if let Ok(people) = &mut found.people {
        people.known.push((record, ObjectMeta::default()));
    }
    (found, user)
}

fn record(found: &mut Observed) -> &mut Record {
    &mut found.people.as_mut().unwrap().known[0].0
}

fn findings(found: &Observed) -> Vec<(Severity, String)> {
    let looked = look(found, now());
    looked
        .into_iter()
        .flatten()
        .map(|one| (one.severity, format!("{} {}", one.place, one.why)))
        .collect()
}

#[track_caller]
fn one(found: &Observed, severity: Severity, words: &str) {
    let findings = findings(found);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].0, severity, "{findings:?}");
    assert!(findings[0].1.contains(words), "{findings:?}");
}

#[test]
fn what_matches_the_record_is_ok() {
    one(&alice().0, Severity::Ok, "1 user on record");
}

#[test]
fn a_record_without_its_namespace_is_broken() {
    let (mut found, _) = alice();
    found.namespaces = Ok(Vec::new());
    one(
        &found,
        Severity::Error,
        "namespace/alice the namespace of alice does not exist",
    );
}

#[test]
fn a_namespace_of_another_user_is_broken() {
    let (mut found, _) = alice();
    let bob = UserName::parse("bob").unwrap();
    found.namespaces = Ok(vec![labels::object("alice", None, &bob)]);
    assert!(findings(&found).contains(&(
        Severity::Error,
        "namespace/alice the namespace of alice is owned by bob".to_owned()
    )));
}

#[test]
fn a_record_without_its_binding_is_broken() {
    let (mut found, _) = alice();
    found.bindings = Ok(Vec::new());
    one(
        &found,
        Severity::Error,
        "rolebinding/alice/onboard-alice the binding of alice does not exist",
    );
}

#[test]
fn a_live_generation_without_rights_is_broken() {
    let (mut found, _) = alice();
    found.bindings.as_mut().unwrap()[0].subjects = None;
    one(
        &found,
        Severity::Error,
        "does not name group onboard:alice:g1",
    );
}

#[test]
fn rights_of_a_revoked_generation_are_found_in_every_binding() {
    let (mut found, user) = alice();
    let mut second = issue(2, CredentialKind::Certificate);
    second.revoked_at = Some(ago(5));
    record(&mut found).generations.push(second);
    let group = Holder::Group("onboard:alice:g2".to_owned());
    let elsewhere = binding::role_binding("web", &user, "view", &[group]);
    found.bindings.as_mut().unwrap().push(elsewhere);
    one(
        &found,
        Severity::Error,
        "still gives view to g2 of alice, which was revoked",
    );
    record(&mut found).generations[1].revoked_at = None;
    record(&mut found).generations[1].not_after = ago(5);
    one(
        &found,
        Severity::Warning,
        "still gives view to g2 of alice, which expired",
    );
    record(&mut found).generations.pop();
    one(
        &found,
        Severity::Error,
        "g2 of alice, which is not on record",
    );
    record(&mut found).begun = Some(Begun {
        run: None,
        key: None,
        generation: 2,
        by: "carol".to_owned(),
        since: ago(1),
        taking_back: false,
    });
    one(&found, Severity::Ok, "1 user");
    record(&mut found).begun.as_mut().unwrap().since = ago(60);
    let findings = findings(&found);
    assert!(
        findings
            .iter()
            .any(|(_, text)| text.contains("did not finish")),
        "{findings:?}"
    );
}

#[test]
fn a_binding_of_an_unknown_user_is_broken_unless_a_record_cannot_be_read() {
    let (mut found, _) = alice();
    let people = found.people.as_mut().unwrap();
    people.known.clear();
    found.namespaces = Ok(Vec::new());
    one(
        &found,
        Severity::Error,
        "which belongs to no user on record",
    );
    found
        .people
        .as_mut()
        .unwrap()
        .unreadable
        .push("broken".to_owned());
    one(&found, Severity::Error, "broken");
}

#[test]
fn an_expired_credential_is_a_warning() {
    let (mut found, _) = alice();
    record(&mut found).generations[0].not_after = ago(5);
    found.bindings = Ok(Vec::new());
    one(
        &found,
        Severity::Warning,
        "the last credential of alice, g1, expired",
    );
}

fn made(name: &str, generation: Option<u32>, minutes: i64) -> ObjectMeta {
    let mut value = json!({
        "name": name,
        "labels": {"groundcrew.dev/user": "alice"},
        "creationTimestamp": ago(minutes).to_string(),
    });
    if let Some(generation) = generation {
        value["annotations"] = json!({"groundcrew.dev/generation": generation.to_string()});
    }
    read(value)
}

#[test]
fn requests_that_belong_to_nothing_are_left_over() {
    let (mut found, _) = alice();
    found.requests = Ok(vec![made("onboard-alice-g1-ab", Some(1), 30)]);
    one(&found, Severity::Ok, "1 user");
    found.requests = Ok(vec![made("onboard-alice-g9-ab", Some(9), 30)]);
    one(&found, Severity::Warning, "onboard-alice-g9-ab");
    found.requests = Ok(vec![made("onboard-alice-g9-ab", Some(9), 1)]);
    one(&found, Severity::Ok, "1 user");
    found.requests = Ok(vec![made("onboard-doctor-ab", None, 2)]);
    one(&found, Severity::Warning, "onboard-doctor-ab");
}

#[test]
fn a_token_is_as_alive_as_its_secret() {
    let (mut found, user) = alice();
    record(&mut found).generations = vec![issue(1, CredentialKind::Token)];
    let holder = Holder::of(&user, 1, CredentialKind::Token);
    found.bindings = Ok(vec![binding::role_binding(
        "alice",
        &user,
        "edit",
        &[holder],
    )]);
    one(
        &found,
        Severity::Error,
        "Secret of the g1 token of alice is gone",
    );
    found.secrets = Ok(vec![made("onboard-alice-g1", Some(1), 30)]);
    one(&found, Severity::Ok, "1 user");
    let stale = made("onboard-alice-g7", Some(7), 30);
    found.secrets.as_mut().unwrap().push(stale);
    one(&found, Severity::Error, "onboard-alice-g7");
}

#[test]
fn what_may_not_be_listed_is_unseen_and_claims_nothing() {
    let (mut found, _) = alice();
    found.bindings = Err("forbidden".to_owned());
    found.namespaces = Err("forbidden".to_owned());
    let looked = look(&found, now());
    assert!(looked.iter().all(Result::is_err), "{looked:?}");
}
