use crate::model::labels;
use crate::model::objects::binding;
use crate::model::objects::namespace;
use std::collections::BTreeMap;
use std::time::Duration;

use groundcrew::error::{Kind, Result};
use groundcrew::tenancy::{Profile, Size};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;
use crate::model::credential::Issued;
use crate::model::credential_kind::CredentialKind;
use crate::model::found::{FoundNamespace, FoundRecord};
use crate::model::generation::Generation;
use crate::model::holder::Holder;
use crate::model::kubeconfig::{Endpoint, Existing, Held};
use crate::model::onboarding::observed::{InNamespace, Observed};
use crate::model::onboarding::options::{Credential, Home, Options, Own, Renewal, Task, Wish};
use crate::model::onboarding::plan::{CredentialStep, NamespaceStep, Plan};
use crate::model::record::Record;
use crate::model::settings::{ProfileName, Settings};
use crate::model::user::UserName;

mod own_request;
const NOW: &str = "2026-11-21T09:00:00Z";

pub fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub fn options() -> Options {
    wishing(|_| ())
}

/// What a run is asked for, but for one thing.
pub fn wishing(change: impl FnOnce(&mut Wish)) -> Options {
    let mut wish = Wish::default();
    change(&mut wish);
    let task = Task::Issue(Box::new(wish));
    Options::of(UserName::parse("alice").unwrap(), task)
}

/// What a run is asked for, but for one thing of the user's own namespace.
pub fn at_home(change: impl FnOnce(&mut Own)) -> Options {
    wishing(|wish| {
        let mut own = Own::default();
        change(&mut own);
        wish.home = Home::Own(own);
    })
}

/// A renewal that takes the rights of the last generation at once.
pub fn renewing() -> Options {
    let renewal = Renewal {
        grace: Duration::ZERO,
        expires: Duration::from_secs(3600),
    };
    Options {
        task: Task::Renew(renewal),
        ..options()
    }
}

pub fn nothing() -> Observed {
    Observed {
        record: None,
        namespace: None,
        bindings: Vec::new(),
        unfinished: Vec::new(),
        claims: Vec::new(),
        wide: Vec::new(),
        existing: InNamespace::default(),
        requests: Vec::new(),
        role_rules: BTreeMap::new(),
        endpoint: Endpoint {
            server: "https://api:6443".to_owned(),
            certificate_authority: None,
            tls_server_name: None,
            proxy_url: None,
        },
        file: Existing::Absent,
    }
}

pub fn theirs() -> FoundNamespace {
    let metadata = namespace::namespace("alice", &options().user, &Settings::default()).metadata;
    FoundNamespace {
        labels: metadata.labels.unwrap(),
        annotations: metadata.annotations.unwrap(),
        terminating: false,
        metadata: ObjectMeta::default(),
    }
}

pub fn issue(generation: u32, days: i64) -> Generation {
    let end = now().as_second() + days * 86400;
    Generation {
        generation,
        kind: CredentialKind::Certificate,
        sha256: Some("ab".to_owned()),
        groups: vec![format!("onboard:alice:g{generation}")],
        asserted: None,
        not_after: Timestamp::from_second(end).unwrap(),
        issued_at: now(),
        issued_by: "carol".to_owned(),
        proved_at: None,
        retire_after: None,
        revoked_at: None,
    }
}

pub fn recorded(generations: Vec<Generation>) -> Option<FoundRecord> {
    let settings = Settings {
        role: "view".into(),
        profile: ProfileName::Large,
        ..Settings::default()
    };
    let mut record = Record::new(&options().user, "alice", settings);
    record.generations = generations;
    Some(FoundRecord {
        record,
        metadata: ObjectMeta::default(),
    })
}

pub fn held(generation: u32, days: i64) -> Existing {
    let issue = issue(generation, days);
    Existing::Theirs(Held {
        kind: issue.kind,
        generation,
        groups: issue.groups,
        not_after: issue.not_after,
        sha256: issue.sha256,
    })
}

pub fn decide(options: &Options, observed: &Observed) -> Result<Plan> {
    plan(options, observed, now())
}

fn groups(holders: &[Holder]) -> Vec<String> {
    holders.iter().map(Holder::describe).collect()
}

#[test]
fn a_first_run_makes_everything_and_issues_generation_one() {
    let plan = decide(&options(), &nothing()).unwrap();
    assert_eq!(plan.namespace, "alice");
    assert_eq!(plan.namespace_step, NamespaceStep::Create);
    assert_eq!(plan.settings.role, "edit");
    assert_eq!(plan.profile, Some(Profile::Size(Size::Small)));
    assert_eq!(
        plan.credential,
        CredentialStep::Issue {
            generation: 1,
            replace_file: false
        }
    );
    assert_eq!(groups(&plan.holders.after), ["group onboard:alice:g1"]);
    assert_eq!(plan.holders.during, plan.holders.after);
}

#[test]
fn a_second_run_keeps_the_file_and_what_the_first_was_asked_for() {
    let observed = Observed {
        record: recorded(vec![issue(1, 20)]),
        namespace: Some(theirs()),
        file: held(1, 20),
        ..nothing()
    };
    let plan = decide(&options(), &observed).unwrap();
    assert_eq!(plan.namespace_step, NamespaceStep::Keep);
    assert!(matches!(plan.credential, CredentialStep::KeepFile(_)));
    assert_eq!(plan.settings.role, "view");
    assert_eq!(plan.profile, Some(Profile::Size(Size::Large)));
}

#[test]
fn a_live_credential_elsewhere_is_not_doubled() {
    let observed = Observed {
        record: recorded(vec![issue(1, 20)]),
        namespace: Some(theirs()),
        ..nothing()
    };
    let plan = decide(&options(), &observed).unwrap();
    assert!(matches!(
        plan.credential,
        CredentialStep::KeepElsewhere(Generation { generation: 1, .. })
    ));
    assert_eq!(groups(&plan.holders.after), ["group onboard:alice:g1"]);
}

#[test]
fn an_ended_credential_is_followed_by_the_next_generation() {
    let observed = Observed {
        record: recorded(vec![issue(1, -1)]),
        namespace: Some(theirs()),
        ..nothing()
    };
    let plan = decide(&options(), &observed).unwrap();
    assert!(matches!(
        plan.credential,
        CredentialStep::Issue { generation: 2, .. }
    ));
    assert_eq!(groups(&plan.holders.during), ["group onboard:alice:g2"]);
}

#[test]
fn replacing_keeps_both_alive_until_the_new_one_is_proved() {
    let observed = Observed {
        record: recorded(vec![issue(1, 20)]),
        namespace: Some(theirs()),
        file: held(1, 20),
        ..nothing()
    };
    let plan = decide(&wishing(|wish| wish.force = true), &observed).unwrap();
    assert_eq!(
        plan.credential,
        CredentialStep::Issue {
            generation: 2,
            replace_file: true
        }
    );
    assert_eq!(
        groups(&plan.holders.during),
        ["group onboard:alice:g1", "group onboard:alice:g2"]
    );
    assert_eq!(groups(&plan.holders.after), ["group onboard:alice:g2"]);
}

#[test]
fn a_run_that_died_before_it_took_the_old_rights_ends_them() {
    let mut replaced = issue(1, 20);
    replaced.retire_after = Some(now());
    let observed = Observed {
        record: recorded(vec![replaced, issue(2, 20)]),
        namespace: Some(theirs()),
        file: held(2, 20),
        ..nothing()
    };
    let plan = decide(&options(), &observed).unwrap();
    assert!(matches!(plan.credential, CredentialStep::KeepFile(_)));
    assert_eq!(groups(&plan.holders.during), ["group onboard:alice:g2"]);
}

#[test]
fn during_a_grace_both_generations_keep_their_rights() {
    let mut replaced = issue(1, 20);
    replaced.retire_after = Some(issue(1, 1).not_after);
    let observed = Observed {
        record: recorded(vec![replaced, issue(2, 20)]),
        namespace: Some(theirs()),
        file: held(2, 20),
        ..nothing()
    };
    let plan = decide(&options(), &observed).unwrap();
    assert_eq!(plan.holders.after.len(), 2);
}

#[test]
fn a_token_in_place_of_a_certificate_leaves_the_old_holders_alone() {
    let observed = Observed {
        record: recorded(vec![issue(1, 20)]),
        namespace: Some(theirs()),
        ..nothing()
    };
    let plan = decide(&wishing(|wish| wish.force = true), &observed).unwrap();
    assert_eq!(
        groups(&plan.holders.with_token(&options().user)),
        [
            "group onboard:alice:g1",
            "service account groundcrew-system/onboard-alice"
        ]
    );
}

#[test]
fn a_run_that_died_before_the_record_is_taken_up() {
    let observed = Observed {
        namespace: Some(theirs()),
        file: held(1, 20),
        ..nothing()
    };
    let plan = decide(&options(), &observed).unwrap();
    assert!(matches!(plan.credential, CredentialStep::KeepFile(_)));
}

#[test]
fn a_dead_file_is_named_and_not_overwritten() {
    let mut revoked = issue(1, 20);
    revoked.revoked_at = Some(now());
    let mut other = issue(1, 20);
    other.sha256 = Some("cd".to_owned());
    let cases = [
        (vec![issue(1, -1)], held(1, -1), "expired on"),
        (vec![revoked, issue(2, 20)], held(1, 20), "was revoked"),
        (vec![other], held(1, 20), "is not the one on record"),
    ];
    for (generations, file, why) in cases {
        let observed = Observed {
            record: recorded(generations),
            namespace: Some(theirs()),
            file,
            ..nothing()
        };
        let error = decide(&options(), &observed).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_foreign_file_is_never_overwritten_unasked() {
    let observed = Observed {
        file: Existing::Foreign("it is not a kubeconfig".into()),
        ..nothing()
    };
    assert_eq!(
        decide(&options(), &observed).unwrap_err().kind(),
        Kind::Usage
    );
    let forced = decide(&wishing(|wish| wish.force = true), &observed).unwrap();
    assert!(matches!(
        forced.credential,
        CredentialStep::Issue {
            replace_file: true,
            ..
        }
    ));
}

#[test]
fn only_a_namespace_that_says_it_is_theirs_is_adopted() {
    let bare = FoundNamespace::default();
    let bobs = FoundNamespace {
        annotations: BTreeMap::from([(labels::OWNER.to_owned(), "bob".to_owned())]),
        ..FoundNamespace::default()
    };
    let going = FoundNamespace {
        terminating: true,
        ..theirs()
    };
    for (found, words) in [
        (bare, "not marked as owned by"),
        (bobs, "belongs to bob"),
        (going, "deleted"),
    ] {
        let observed = Observed {
            namespace: Some(found),
            ..nothing()
        };
        let error = decide(&options(), &observed).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.headline().contains(words), "{error}");
    }
    let changed = wishing(|wish| wish.about.team = Some("web".into()));
    let observed = Observed {
        namespace: Some(theirs()),
        ..nothing()
    };
    assert_eq!(
        decide(&changed, &observed).unwrap().namespace_step,
        NamespaceStep::Update
    );
}

#[test]
fn another_namespace_than_the_recorded_one_is_a_conflict() {
    let observed = Observed {
        record: recorded(Vec::new()),
        ..nothing()
    };
    let elsewhere = at_home(|own| own.namespace = Some("web".into()));
    assert_eq!(
        decide(&elsewhere, &observed).unwrap_err().kind(),
        Kind::Conflict
    );
}

#[test]
fn a_group_that_somebody_wrote_into_the_record_is_not_handed_out() {
    let renewal = renewing();
    let with = |group: &str| {
        let mut last = issue(1, 20);
        last.groups.push(group.to_owned());
        let observed = Observed {
            namespace: Some(theirs()),
            record: recorded(vec![last]),
            ..nothing()
        };
        decide(&renewal, &observed)
    };
    assert_eq!(
        with("payments").unwrap().source,
        Credential::Auto {
            groups: vec!["payments".to_owned()]
        }
    );
    for group in ["system:masters", "kubeadm:cluster-admins", "onboard:bob:g1"] {
        let error = with(group).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{group}");
        assert!(error.to_string().contains(group), "{error}");
    }
}

#[test]
fn another_role_replaces_the_binding() {
    let binding = binding::role_binding("alice", &options().user, "view", &[]);
    let observed = Observed {
        bindings: vec![binding],
        namespace: Some(theirs()),
        ..nothing()
    };
    assert_eq!(decide(&options(), &observed).unwrap().replaced, ["alice"]);
    let same = at_home(|own| own.role = Some("view".into()));
    assert!(decide(&same, &observed).unwrap().replaced.is_empty());
}

#[test]
fn a_certificate_that_is_not_what_was_asked_for_is_refused() {
    let user = options().user;
    let groups = ["onboard:alice:g1".to_owned()];
    let good = Issued {
        not_before: Timestamp::UNIX_EPOCH,
        user: "alice".to_owned(),
        groups: groups.to_vec(),
        not_after: now(),
        sha256: "ab".to_owned(),
        key_fingerprint: "k".to_owned(),
    };
    assert!(check_issued(&good, &user, &groups, "k").is_ok());
    let masters = vec!["onboard:alice:g1".to_owned(), "system:masters".to_owned()];
    let bad = [
        Issued {
            user: "bob".to_owned(),
            ..good.clone()
        },
        Issued {
            groups: masters,
            ..good.clone()
        },
        Issued {
            key_fingerprint: "other".to_owned(),
            ..good
        },
    ];
    for issued in bad {
        assert!(
            check_issued(&issued, &user, &groups, "k").is_err(),
            "{issued:?}"
        );
    }
}

#[test]
fn a_certificate_that_lasts_longer_than_asked_ends_when_asked() {
    let hours = |count: i64| {
        now()
            .checked_add(SignedDuration::from_hours(count))
            .unwrap()
    };
    let asked = Duration::from_secs(8 * 3600);
    assert_eq!(asked_end(hours(8), now(), asked), None);
    assert_eq!(asked_end(hours(1), now(), asked), None);
    assert_eq!(asked_end(hours(24 * 365), now(), asked), Some(hours(8)));
}
