//! Plans for a request that the user made with a key of their own.

use super::*;

use groundcrew::client::access::Access;
use groundcrew::error::Result;

use crate::model::credential::KeyAndRequest;
use crate::model::generation::Generation;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::{Credential, Options};
use crate::model::onboarding::plan::CredentialStep;
use crate::model::onboarding::rights::required;
use crate::model::record::Begun;
use crate::model::signing_request::SigningRequest;

fn request(generation: u32) -> SigningRequest {
    let user = options().user;
    let pair = KeyAndRequest::new("alice", &[user.generation_group(generation)]).unwrap();
    SigningRequest::check(pair.request_pem(), &user).unwrap()
}

fn signing(request: &SigningRequest) -> Options {
    wishing(|wish| wish.credential = Credential::External(request.clone()))
}

fn with_record(generations: Vec<Generation>) -> Observed {
    Observed {
        namespace: Some(theirs()),
        record: recorded(generations),
        ..nothing()
    }
}

fn begun(observed: Observed, generation: u32, key: Option<&str>) -> Observed {
    let record = observed.record.map(|mut found| {
        found.record.begun = Some(Begun {
            run: None,
            generation,
            by: "carol".to_owned(),
            since: now(),
            key: key.map(str::to_owned),
            taking_back: false,
        });
        found
    });
    Observed { record, ..observed }
}

fn issues(options: &Options, observed: &Observed) -> Result<u32> {
    match decide(options, observed)?.credential {
        CredentialStep::Issue { generation, .. } => Ok(generation),
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_the_next_generation_is_signed_and_a_refusal_names_it() {
    let first = request(1);
    assert_eq!(issues(&signing(&first), &nothing()).unwrap(), 1);
    for (asked, before, next) in [
        (2, vec![], 1),
        (1, vec![2], 3),
        (2, vec![2], 3),
        (5, vec![2], 3),
    ] {
        let before = before
            .into_iter()
            .map(|generation| Generation {
                revoked_at: Some(now()),
                ..issue(generation, 5)
            })
            .collect();
        let error = decide(&signing(&request(asked)), &with_record(before)).unwrap_err();
        assert_eq!(error.kind(), groundcrew::error::Kind::Usage);
        let hint = format!("kubectl onboard request alice --generation {next}");
        assert!(error.hints()[0].contains(&hint), "{error}");
    }
}

#[test]
fn what_the_user_holds_loses_its_rights_only_when_somebody_says_so() {
    let second = request(2);
    let observed = with_record(vec![issue(1, 5)]);
    let error = decide(&signing(&second), &observed).unwrap_err();
    assert!(error.hints()[0].contains("--force"), "{error}");
    let forced = wishing(|wish| {
        wish.credential = Credential::External(second.clone());
        wish.force = true;
    });
    assert_eq!(issues(&forced, &observed).unwrap(), 2);
}

#[test]
fn a_run_that_died_goes_on_with_the_same_key_and_with_no_other() {
    let first = request(1);
    let same = begun(with_record(vec![]), 1, Some(first.fingerprint()));
    assert_eq!(issues(&signing(&first), &same).unwrap(), 1);
    for key in [None, Some("another")] {
        let other = begun(with_record(vec![]), 1, key);
        let error = decide(&signing(&first), &other).unwrap_err();
        assert!(error.hints()[0].contains("--generation 2"), "{error}");
    }
    // What is on record was issued, whatever began.
    let issued = begun(with_record(vec![issue(1, 5)]), 1, Some(first.fingerprint()));
    assert!(decide(&signing(&first), &issued).is_err());
}

#[test]
fn a_certificate_that_nobody_issued_is_not_kept() {
    let first = request(1);
    let file = |observed| Observed {
        file: held(1, 5),
        ..observed
    };
    let unknown = decide(&signing(&first), &file(nothing())).unwrap_err();
    assert_eq!(unknown.kind(), groundcrew::error::Kind::Conflict);
    let known = file(with_record(vec![issue(1, 5)]));
    let resumed = begun(with_record(vec![]), 1, Some(first.fingerprint()));
    for observed in [known, file(resumed)] {
        let plan = decide(&signing(&first), &observed).unwrap();
        assert!(matches!(plan.credential, CredentialStep::KeepFile(_)));
    }
}

#[test]
fn reviewing_rights_is_a_right_of_its_own() {
    let review = Access::new("create", "subjectaccessreviews.authorization.k8s.io");
    let signing = signing(&request(1));
    assert!(required(&signing, "alice").contains(&review));
    assert!(!required(&options(), "alice").contains(&review));
}
