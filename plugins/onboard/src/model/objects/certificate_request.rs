//! A request for a client certificate, and what became of it.

use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec,
    CertificateSigningRequestStatus,
};
use kube::core::ObjectMeta;

/// The signer of client certificates that the API server itself trusts.
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// What a client certificate may be used for; the signer refuses anything else.
pub const USAGES: [&str; 2] = ["client auth", "digital signature"];

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// A certificate chain, PEM.
    Issued(Vec<u8>),
    /// Somebody denied it, and why.
    Denied(String),
    /// The signer refused it, and why.
    Failed(String),
    /// Nothing has happened so far.
    Silent,
}

/// Returns a request for the key that signed `pem`.
#[must_use]
pub fn request(metadata: ObjectMeta, pem: &str, expires: Duration) -> CertificateSigningRequest {
    CertificateSigningRequest {
        metadata,
        spec: CertificateSigningRequestSpec {
            request: ByteString(pem.as_bytes().to_vec()),
            signer_name: SIGNER.to_owned(),
            usages: Some(USAGES.map(str::to_owned).to_vec()),
            expiration_seconds: i32::try_from(expires.as_secs()).ok(),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    }
}

/// Says whether two requests ask the same signer for the same certificate.
#[must_use]
pub fn is_same(one: &CertificateSigningRequest, other: &CertificateSigningRequest) -> bool {
    one.spec.request == other.spec.request
        && one.spec.signer_name == other.spec.signer_name
        && one.spec.usages == other.spec.usages
}

/// Returns the request as approved.
#[must_use]
pub fn approved(
    mut request: CertificateSigningRequest,
    reason: &str,
    message: String,
) -> CertificateSigningRequest {
    request.status = Some(CertificateSigningRequestStatus {
        certificate: None,
        conditions: Some(vec![CertificateSigningRequestCondition {
            type_: "Approved".to_owned(),
            status: "True".to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            ..CertificateSigningRequestCondition::default()
        }]),
    });
    request
}

/// Says whether a request is approved.
#[must_use]
pub fn is_approved(request: &CertificateSigningRequest) -> bool {
    condition(request, "Approved").is_some()
}

/// Returns what has become of a request.
#[must_use]
pub fn signed(request: &CertificateSigningRequest) -> Signed {
    if let Some(denied) = condition(request, "Denied") {
        return Signed::Denied(why(denied));
    }
    if let Some(failed) = condition(request, "Failed") {
        return Signed::Failed(why(failed));
    }
    let status = request.status.as_ref();
    let chain = status.and_then(|status| status.certificate.as_ref());
    match chain.filter(|chain| !chain.0.is_empty()) {
        Some(chain) => Signed::Issued(chain.0.clone()),
        None => Signed::Silent,
    }
}

fn condition<'a>(
    request: &'a CertificateSigningRequest,
    kind: &str,
) -> Option<&'a CertificateSigningRequestCondition> {
    let conditions = request.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == kind)
}

fn why(condition: &CertificateSigningRequestCondition) -> String {
    let reason = condition.reason.as_deref().unwrap_or("no reason given");
    match condition.message.as_deref() {
        Some(message) if !message.is_empty() => format!("{message} ({reason})"),
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_more_than_a_certificate_and_says_why() {
        let asked = request(ObjectMeta::default(), "PEM", Duration::from_secs(600));
        assert_eq!(signed(&asked), Signed::Silent);
        let mut answered = approved(asked, "Onboarded", "by carol".to_owned());
        assert!(is_approved(&answered));
        assert_eq!(signed(&answered), Signed::Silent);
        if let Some(status) = &mut answered.status {
            status.certificate = Some(ByteString(b"CHAIN".to_vec()));
        }
        assert_eq!(signed(&answered), Signed::Issued(b"CHAIN".to_vec()));
        if let Some(conditions) = answered
            .status
            .as_mut()
            .and_then(|all| all.conditions.as_mut())
        {
            conditions[0].type_ = "Denied".to_owned();
        }
        assert_eq!(
            signed(&answered),
            Signed::Denied("by carol (Onboarded)".to_owned())
        );
    }
}
