//! Who a client certificate says that the client is, in the headers of a front proxy.

use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;

const USER: HeaderName = HeaderName::from_static("x-remote-user");
const GROUP: HeaderName = HeaderName::from_static("x-remote-group");
const EXTRA: &str = "x-remote-extra-";
/// `authentication.kubernetes.io/credential-id`, encoded as the API server decodes it.
const CREDENTIAL_ID: HeaderName =
    HeaderName::from_static("x-remote-extra-authentication.kubernetes.io%2fcredential-id");

/// A client's name, groups and the digest of its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: String,
    groups: Vec<String>,
    digest: String,
}

impl Identity {
    /// Reads a certificate (DER); `None` without a common name, as in the API server.
    pub(crate) fn of(der: &[u8]) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let values = |oid: &str| -> Vec<String> {
            let subject = certificate.tbs_certificate().subject();
            subject
                .iter()
                .filter(|attribute| attribute.oid.to_string() == oid)
                .map(|attribute| String::from_utf8_lossy(attribute.value.value()).into_owned())
                .collect()
        };
        Some(Self {
            user: values("2.5.4.3").pop()?,
            groups: values("2.5.4.10"),
            digest: Sha256::digest(der)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    /// Puts the identity into the headers of a request.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let mut append = |name: HeaderName, text: &str| {
            // Header values are bytes; Go reads them as UTF-8.
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                headers.append(name, value);
            }
        };
        append(USER, &self.user);
        for group in &self.groups {
            append(GROUP, group);
        }
        append(CREDENTIAL_ID, &format!("X509SHA256={}", self.digest));
    }
}

/// Removes what a client must not say of itself.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let told: Vec<HeaderName> = headers
        .keys()
        .filter(|name| **name == USER || **name == GROUP || name.as_str().starts_with(EXTRA))
        .cloned()
        .collect();
    for name in told {
        headers.remove(name);
    }
}
