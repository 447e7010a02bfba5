use crate::model::labels;
use crate::model::objects::binding;

use groundcrew::exit::Exit;
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{PolicyRule, Subject as BindingSubject};

use super::*;
use crate::cluster::access_reviews::Answer;
use crate::commands::verify::document::{State, Verification};
use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;
use crate::model::found::FoundNamespace;
use crate::model::generation::Generation;
use crate::model::record::Record;
use crate::model::settings::Settings;
use crate::model::user::UserName;

fn now() -> Timestamp {
    "2026-11-21T09:00:00Z".parse().unwrap()
}

fn issue(generation: u32, hours: i64, revoked: bool) -> Generation {
    Generation {
        asserted: None,
        generation,
        kind: CredentialKind::Certificate,
        sha256: Some(format!("{generation:064}")),
        groups: vec![format!("onboard:alice:g{generation}")],
        not_after: Timestamp::from_second(now().as_second() + hours * 3600).unwrap(),
        issued_at: now(),
        issued_by: "carol".to_owned(),
        proved_at: None,
        retire_after: None,
        revoked_at: revoked.then(now),
    }
}

fn alice(issues: &[Generation]) -> (UserName, Person) {
    let user = UserName::parse("alice").unwrap();
    let settings = Settings {
        role: "edit".to_owned(),
        ..Settings::default()
    };
    let mut record = Record::new(&user, "alice", settings);
    record.generations = issues.to_vec();
    let rule = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["pods".to_owned()]),
        verbs: vec!["create".to_owned(), "list".to_owned()],
        ..PolicyRule::default()
    };
    let binding = binding::role_binding("alice", &user, "edit", &record.holders(&user, now()));
    let mut home = FoundNamespace::default();
    home.annotations
        .insert(labels::OWNER.into(), "alice".into());
    let person = Person {
        record,
        rules: Ok(vec![rule]),
        binding: Ok(Some(binding)),
        bindings: Ok((Vec::new(), Vec::new())),
        namespace: Ok(Some(home)),
        secrets: Ok(Vec::new()),
    };
    (user, person)
}

fn verified(issues: &[Generation], answer: impl Fn(&Questions, usize) -> Answer) -> Verification {
    let (user, found) = alice(issues);
    let questions = questions(&user, &found, now());
    let answers: Vec<_> = questions
        .iter()
        .map(|asked| {
            Ok((0..asked.accesses.len())
                .map(|n| answer(asked, n))
                .collect())
        })
        .collect();
    person(&user, &found, &questions, &answers, now())
}

fn as_it_should_be(asked: &Questions, n: usize) -> Answer {
    Answer {
        allowed: asked.expected[n],
        ..Answer::default()
    }
}

fn failed(found: &Verification) -> Vec<&str> {
    let bad = found.checks.iter().filter(|check| !check.passed());
    bad.map(Check::name).collect()
}

#[test]
fn a_live_generation_can_do_what_its_role_says_and_a_revoked_one_nothing() {
    let found = verified(&[issue(1, 5, true), issue(2, 5, false)], as_it_should_be);
    assert_eq!(found.exit(), Exit::Done, "{:?}", failed(&found));
    let all = |_: &Questions, _: usize| Answer {
        allowed: true,
        ..Answer::default()
    };
    let found = verified(&[issue(1, 5, true), issue(2, 5, false)], all);
    assert_eq!(found.exit(), Exit::No);
    assert!(failed(&found).contains(&"g1 cannot create pods in namespace alice"));
    assert!(!failed(&found).contains(&"g2 can create pods in namespace alice"));
}

#[test]
fn a_no_that_the_authorizer_could_not_evaluate_is_no_answer() {
    let troubled = |asked: &Questions, n: usize| Answer {
        trouble: Some("no such role".to_owned()),
        ..as_it_should_be(asked, n)
    };
    let found = verified(&[issue(1, 5, false)], troubled);
    assert_eq!(found.exit(), Exit::Incomplete);
}

#[test]
fn what_may_not_be_asked_leaves_the_answer_open() {
    let (user, found) = alice(&[issue(1, 5, false)]);
    let questions = questions(&user, &found, now());
    let answers = vec![Err("forbidden".to_owned())];
    let found = person(&user, &found, &questions, &answers, now());
    assert_eq!(found.exit(), Exit::Incomplete);
}

#[test]
fn an_expired_generation_is_not_asked_about_and_leaves_nobody_with_access() {
    let (user, found) = alice(&[issue(1, -5, false)]);
    assert!(questions(&user, &found, now()).is_empty());
    let found = person(&user, &found, &[], &[], now());
    assert_eq!(failed(&found), ["a live credential"]);
}

#[test]
fn a_binding_that_names_somebody_else_is_no_match() {
    let (user, mut found) = alice(&[issue(1, 5, false), issue(2, 5, true)]);
    let record = found.record.clone();
    assert!(binding(&user, &record, &found.binding, now()).passed());
    if let Ok(Some(bound)) = &mut found.binding {
        bound.subjects = Some(vec![BindingSubject {
            kind: "Group".to_owned(),
            name: "onboard:alice:g2".to_owned(),
            ..BindingSubject::default()
        }]);
    }
    assert!(!binding(&user, &record, &found.binding, now()).passed());
    assert!(!binding(&user, &record, &Ok(None), now()).passed());
    let unseen = binding(&user, &record, &Err("forbidden".into()), now());
    assert_eq!(Check::exit(&[unseen]), Exit::Incomplete);
}

#[test]
fn a_file_is_held_against_its_own_generation() {
    let (_, found) = alice(&[issue(1, 5, true), issue(2, 5, false)]);
    let held = |generation: u32| Held {
        kind: CredentialKind::Certificate,
        generation,
        not_after: now(),
        sha256: Some(format!("{generation:064}")),
    };
    let state = |held: &Held| {
        let (state, check) = on_record(&found.record, held, now());
        (state, check.passed())
    };
    assert_eq!(state(&held(1)), (State::Revoked, false));
    assert_eq!(state(&held(2)), (State::Live, true));
    assert_eq!(state(&held(3)), (State::Unknown, false));
    let forged = Held {
        sha256: Some("ab".to_owned()),
        ..held(2)
    };
    assert_eq!(state(&forged), (State::Unknown, false));
}
