use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::LineEnding;
use x509_cert::builder::Builder as _;
use x509_cert::der::EncodePem as _;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, RequestBuilder};

use super::*;
use crate::model::credential::KeyAndRequest;
use crate::model::user::UserName;

fn alice() -> UserName {
    UserName::parse("alice").unwrap()
}

fn made(user: &str, groups: &[&str]) -> String {
    let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
    let pair = KeyAndRequest::new(user, &groups).unwrap();
    pair.request_pem().to_owned()
}

fn refusal(text: &str) -> String {
    SigningRequest::check(text, &alice()).unwrap_err()
}

#[test]
fn what_onboard_request_makes_is_accepted() {
    let groups = ["onboard:alice:g3".to_owned()];
    let pair = KeyAndRequest::new("alice", &groups).unwrap();
    let checked = SigningRequest::check(pair.request_pem(), &alice()).unwrap();
    assert_eq!(checked.generation(), 3);
    assert_eq!(checked.fingerprint(), pair.fingerprint());
    assert_eq!(checked.pem(), pair.request_pem());
}

#[test]
fn keys_of_other_tools_are_accepted_when_they_are_good() {
    for text in [
        include_str!("fixtures/rsa-2048.csr"),
        include_str!("fixtures/p384.csr"),
        include_str!("fixtures/ed25519.csr"),
        include_str!("fixtures/client-auth.csr"),
    ] {
        assert_eq!(
            SigningRequest::check(text, &alice()).unwrap().generation(),
            1
        );
    }
}

#[test]
fn weak_keys_and_signatures_are_refused_with_the_reason() {
    for (text, why) in [
        (include_str!("fixtures/rsa-512.csr"), "512 bits"),
        (include_str!("fixtures/sha1.csr"), "signature is of type"),
        (include_str!("fixtures/p521.csr"), "key is of type"),
    ] {
        assert!(refusal(text).contains(why), "{}", refusal(text));
    }
}

#[test]
fn groups_of_their_own_are_refused() {
    for (groups, why) in [
        (vec!["system:masters"], "\"system:masters\""),
        (
            vec!["onboard:alice:g1", "system:masters"],
            "\"system:masters\"",
        ),
        (
            vec!["system:masters", "onboard:alice:g1"],
            "\"system:masters\"",
        ),
        (vec!["onboard:bob:g1"], "\"onboard:bob:g1\""),
        (vec!["onboard:alice:g1", "payments"], "\"payments\""),
        (
            vec!["onboard:alice:g1", "onboard:alice:g2"],
            "more than one generation",
        ),
        (vec!["onboard:alice:g0"], "\"onboard:alice:g0\""),
        (vec!["onboard:alice:g01"], "\"onboard:alice:g01\""),
        (vec![], "lacks the group"),
    ] {
        let refused = refusal(&made("alice", &groups));
        assert!(refused.contains(why), "{refused}");
    }
}

#[test]
fn other_names_and_attributes_are_refused() {
    let g1 = ["onboard:alice:g1"];
    assert!(refusal(&made("bob", &g1)).contains("\"bob\""));
    assert!(refusal(&made("alice ", &g1)).contains("\"alice \""));
    for (text, why) in [
        (include_str!("fixtures/two-names.csr"), "more than one user"),
        (include_str!("fixtures/uid.csr"), "attribute of type"),
        (include_str!("fixtures/password.csr"), "attribute of type"),
        (
            include_str!("fixtures/alternative-name.csr"),
            "alternative names",
        ),
        (include_str!("fixtures/server-auth.csr"), "more than client"),
        (
            include_str!("fixtures/certificate-sign.csr"),
            "more than client",
        ),
        (include_str!("fixtures/authority.csr"), "more than client"),
    ] {
        assert!(refusal(text).contains(why), "{}", refusal(text));
    }
}

#[test]
fn a_request_signed_by_another_key_than_it_carries_is_refused() {
    let request = |key: &SigningKey| -> CertReq {
        let name: Name = "CN=alice,O=onboard:alice:g1".parse().unwrap();
        let builder = RequestBuilder::new(name).unwrap();
        builder.build::<_, DerSignature>(key).unwrap()
    };
    let (own, other) = (SigningKey::try_generate(), SigningKey::try_generate());
    let mut forged = request(&own.unwrap());
    let sound = forged.to_pem(LineEnding::LF).unwrap();
    assert!(SigningRequest::check(&sound, &alice()).is_ok());
    forged.signature = request(&other.unwrap()).signature;
    let text = forged.to_pem(LineEnding::LF).unwrap();
    assert!(refusal(&text).contains("not signed by the key"));
}

#[test]
fn what_is_no_request_is_refused() {
    let good = made("alice", &["onboard:alice:g1"]);
    let key = format!("-----BEGIN {}KEY-----\nMAA=\n", "PRIVATE ");
    for (text, why) in [
        (String::new(), "no PEM block"),
        ("garbage\n".to_owned(), "no PEM block"),
        (good.replacen("\nM", "\n!", 1), "cannot be read"),
        (
            good.replace("CERTIFICATE REQUEST", "CERTIFICATE"),
            "it is a CERTIFICATE,",
        ),
        (format!("{good}{good}"), "more than one document"),
        (format!("{good}{key}"), "private key"),
        (key, "private key"),
        (
            "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n"
                .to_owned(),
            "not a certificate request",
        ),
    ] {
        assert!(refusal(&text).contains(why), "{why}: {}", refusal(&text));
    }
}

#[test]
fn text_around_the_request_is_not_sent() {
    let good = made("alice", &["onboard:alice:g1"]);
    let checked = SigningRequest::check(&format!("Subject: alice\n\n{good}"), &alice()).unwrap();
    assert_eq!(checked.pem(), good);
}
