//! The credential itself: key, request, certificate. Nothing here talks to the cluster.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use groundcrew::error::{Error, Result};
use jiff::Timestamp;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::EncodePrivateKey as _;
use p256::pkcs8::{DecodePrivateKey as _, LineEnding};
use sha2::Digest as _;
use sha2::Sha256;
use x509_cert::Certificate;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::builder::Builder as _;
use x509_cert::der::asn1::{Any, ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode as _, Encode as _, EncodePem as _};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::request::{CertReq, RequestBuilder};
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use zeroize::Zeroizing;

use crate::model::user::hex;

/// `CN`, which Kubernetes reads as the user name.
pub const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// `O`, each of which Kubernetes reads as a group.
pub const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// A private key with the request that was signed with it.
///
/// The key never leaves this machine; its memory is wiped when dropped.
pub struct KeyAndRequest {
    key_pem: Zeroizing<String>,
    request_pem: String,
    fingerprint: String,
}

impl KeyAndRequest {
    /// Makes a P-256 key and a request for `CN=user` and one `O` per group.
    ///
    /// The subject is built from typed values, never from text, so no name can smuggle in a
    /// second attribute. Kubernetes reads `CN` as the user name and every `O` as a group.
    ///
    /// # Errors
    ///
    /// When the system has no randomness or a value has no DER form.
    pub fn new(user: &str, groups: &[String]) -> Result<Self> {
        let key = SigningKey::try_generate().map_err(|error| broken("make a key", error))?;
        Self::of(key, user, groups)
    }

    /// Makes a request for a key that is there already.
    ///
    /// # Errors
    ///
    /// When a value has no DER form.
    pub fn of(key: SigningKey, user: &str, groups: &[String]) -> Result<Self> {
        let subject = subject(user, groups).map_err(|error| broken("name the subject", error))?;
        let request: CertReq = RequestBuilder::new(subject)
            .and_then(|builder| builder.build::<_, DerSignature>(&key))
            .map_err(|error| broken("sign the request", error))?;
        let request_pem = request
            .to_pem(LineEnding::LF)
            .map_err(|error| broken("encode the request", error))?;
        let fingerprint = key_fingerprint(&request.info.public_key)?;
        let key_pem = key
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|error| broken("encode the key", error))?;
        Ok(Self {
            key_pem,
            request_pem,
            fingerprint,
        })
    }

    /// Returns the private key as PKCS #8 PEM.
    #[must_use]
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// Returns the certificate request as PEM.
    #[must_use]
    pub fn request_pem(&self) -> &str {
        &self.request_pem
    }

    /// Returns the SHA-256 of the public key (SubjectPublicKeyInfo), in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Reads a key that an earlier run has written.
///
/// # Errors
///
/// Usage, when the file holds no P-256 key in PKCS #8.
pub fn key_of(pem: &str, file: &std::path::Path) -> Result<SigningKey> {
    SigningKey::from_pkcs8_pem(pem).map_err(|error| {
        Error::usage(format!("{} holds no key of this program", file.display()))
            .with_source(error)
            .with_hint("move it away, and a new key is made")
    })
}

impl std::fmt::Debug for KeyAndRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyAndRequest")
            .field("fingerprint", &self.fingerprint)
            .finish()
    }
}

/// What an issued certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// `CN`, the user name.
    pub user: String,
    /// Every `O`, the groups, in order.
    pub groups: Vec<String>,
    /// When it begins to be valid; signers date it back a little.
    pub not_before: Timestamp,
    /// The real end, which the signer may have put earlier than asked.
    pub not_after: Timestamp,
    /// SHA-256 of the certificate (DER), in hexadecimal; what the server logs as credential id.
    pub sha256: String,
    /// SHA-256 of the public key, in hexadecimal.
    pub key_fingerprint: String,
}

impl Issued {
    /// Reads the first certificate of a PEM document.
    ///
    /// # Errors
    ///
    /// When it is not a certificate, or has no user name.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let chain = Certificate::load_pem_chain(pem)
            .map_err(|error| broken("read the certificate", error))?;
        let Some(certificate) = chain.first() else {
            return Err(Error::failed(
                "cannot read the certificate: the document is empty",
            ));
        };
        let der = certificate
            .to_der()
            .map_err(|error| broken("encode the certificate", error))?;
        let body = certificate.tbs_certificate();
        let mut groups = values(body.subject(), ORGANIZATION);
        let mut users = values(body.subject(), COMMON_NAME);
        let Some(user) = users.pop() else {
            return Err(Error::failed("the certificate has no common name"));
        };
        groups.dedup();
        let time = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
            seconds
                .and_then(|seconds| Timestamp::from_second(seconds).ok())
                .ok_or_else(|| Error::failed("the expiry of the certificate cannot be read"))
        };
        let not_before = time(body.validity().not_before)?;
        let not_after = time(body.validity().not_after)?;
        Ok(Self {
            user,
            groups,
            not_before,
            not_after,
            sha256: hex(&Sha256::digest(&der)),
            key_fingerprint: key_fingerprint(body.subject_public_key_info())?,
        })
    }
}

/// What a bearer token says of itself; its signature is the server's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenClaims {
    /// `sub`, the user name.
    pub subject: String,
    /// `exp`.
    pub not_after: Timestamp,
    /// Name of the Secret the token is bound to; deleting it revokes the token.
    pub secret: Option<String>,
}

impl TokenClaims {
    /// Reads the middle part of a JSON Web Token; `None` when it is not one.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        let body = token.split('.').nth(1)?;
        let body = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(body)
            .ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&body).ok()?;
        Some(Self {
            subject: claims["sub"].as_str()?.to_owned(),
            not_after: Timestamp::from_second(claims["exp"].as_i64()?).ok()?,
            secret: claims["kubernetes.io"]["secret"]["name"]
                .as_str()
                .map(str::to_owned),
        })
    }
}

/// Reads what a `…-data` field of a kubeconfig holds; `None` when it is not base64.
#[must_use]
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Encodes bytes as the `…-data` fields of a kubeconfig want them.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn subject(user: &str, groups: &[String]) -> x509_cert::der::Result<Name> {
    let mut sequence = RdnSequence::default();
    // The order of the Go and OpenSSL tools: organizations first.
    for group in groups {
        sequence.push(rdn(ORGANIZATION, group)?);
    }
    sequence.push(rdn(COMMON_NAME, user)?);
    // The crate offers no other safe way from typed values to a name.
    Name::from_der(&sequence.to_der()?)
}

fn rdn(oid: ObjectIdentifier, text: &str) -> x509_cert::der::Result<RelativeDistinguishedName> {
    let value = Any::encode_from(&Utf8StringRef::new(text)?)?;
    let mut rdn = RelativeDistinguishedName::default();
    rdn.insert(AttributeTypeAndValue { oid, value })?;
    Ok(rdn)
}

fn values(name: &Name, oid: ObjectIdentifier) -> Vec<String> {
    name.iter()
        .filter(|attribute| attribute.oid == oid)
        .map(|attribute| String::from_utf8_lossy(attribute.value.value()).into_owned())
        .collect()
}

/// Returns the SHA-256 of a public key (SubjectPublicKeyInfo), in hexadecimal.
///
/// # Errors
///
/// Only when the key has no DER form.
pub fn key_fingerprint(key: &SubjectPublicKeyInfoOwned) -> Result<String> {
    let der = key
        .to_der()
        .map_err(|error| broken("encode the public key", error))?;
    Ok(hex(&Sha256::digest(&der)))
}

fn broken(doing: &str, error: impl std::fmt::Display) -> Error {
    Error::failed(format!("cannot {doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use x509_cert::der::DecodePem as _;

    use super::*;

    #[test]
    fn a_request_carries_the_name_and_every_group() {
        let groups = ["team-a".to_owned(), "onboard:alice:g1".to_owned()];
        let made = KeyAndRequest::new("alice@example.com", &groups).unwrap();
        let request = CertReq::from_pem(made.request_pem()).unwrap();
        assert_eq!(values(&request.info.subject, ORGANIZATION), groups);
        assert_eq!(
            values(&request.info.subject, COMMON_NAME),
            ["alice@example.com"]
        );
        assert_eq!(
            key_fingerprint(&request.info.public_key).unwrap(),
            made.fingerprint()
        );
    }

    #[test]
    fn text_that_looks_like_a_name_stays_one_value() {
        let made = KeyAndRequest::new("alice,O=system:masters", &[]).unwrap();
        let request = CertReq::from_pem(made.request_pem()).unwrap();
        assert!(values(&request.info.subject, ORGANIZATION).is_empty());
    }

    #[test]
    fn two_requests_never_share_a_key() {
        let one = KeyAndRequest::new("alice", &[]).unwrap();
        let two = KeyAndRequest::new("alice", &[]).unwrap();
        assert_ne!(one.fingerprint(), two.fingerprint());
    }

    #[test]
    fn debug_output_holds_no_key() {
        let made = KeyAndRequest::new("alice", &[]).unwrap();
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_token_tells_its_end_and_the_secret_it_is_bound_to() {
        let body = r#"{"sub":"system:serviceaccount:groundcrew-system:onboard-alice","exp":1800000000,"kubernetes.io":{"secret":{"name":"onboard-alice-g1"}}}"#;
        let token = format!(
            "e30.{}.sig",
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(body)
        );
        let claims = TokenClaims::read(&token).unwrap();
        assert_eq!(
            claims.subject,
            "system:serviceaccount:groundcrew-system:onboard-alice"
        );
        assert_eq!(claims.not_after.as_second(), 1_800_000_000);
        assert_eq!(claims.secret.as_deref(), Some("onboard-alice-g1"));
        assert_eq!(TokenClaims::read("not-a-token"), None);
    }
}
