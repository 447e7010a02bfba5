//! Whether the signer issues: a request for a key that is thrown away, removed in every case.

use crate::model::unseen::sight;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::{Writer, is_conflict};
use k8s_openapi::ByteString;
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition, CertificateSigningRequestSpec,
    CertificateSigningRequestStatus,
};
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{Instant, sleep};

use crate::model::credential::KeyAndRequest;
use crate::model::labels;

/// The signer of client certificates that the API server itself trusts.
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// What the names of these requests start with.
pub const PREFIX: &str = "onboard-doctor-";

const RESOURCE: &str = "certificatesigningrequests.certificates.k8s.io";

/// The shortest lifetime that the API server accepts, in seconds.
const LIFETIME: i32 = 600;

/// What became of the request.
#[derive(Debug, Default)]
pub enum Outcome {
    /// It was signed, after that long.
    Signed(Duration),
    /// It was approved and nothing happened in that time.
    Silent(Duration),
    /// The signer or someone else refused.
    Refused(String),
    /// It was not sent, or not approved, and why.
    NotTried(String),
    /// It could not be removed: its name, and why.
    Left(String, String),
    /// It was not asked yet.
    #[default]
    Unasked,
}

/// Asks the signer and removes the request again.
///
/// # Errors
///
/// Interrupted, after the request was removed.
pub async fn probe(session: &Session, timeout: Duration, interrupt: &Interrupt) -> Result<Outcome> {
    let api: Api<CertificateSigningRequest> = Api::all(session.client.clone());
    let writer = Writer {
        field_manager: "kubectl-onboard".to_owned(),
        dry_run: false,
        force_conflicts: false,
    };
    // The key is dropped here: what is signed for it can never be used.
    let request = object(&KeyAndRequest::new("groundcrew-doctor", &[])?);
    let name = request.metadata.name.clone().unwrap_or_default();
    let is_mine = |found: &CertificateSigningRequest| found.spec.request == request.spec.request;
    let made = match writer.create(&api, &request, is_mine).await {
        Ok(made) => made,
        Err(error) => {
            // When it is unknown whether it was created, it is removed if it was.
            let left = remove(&api, &writer, &name, None).await;
            let why = explain(error, &Doing::new("create", RESOURCE).named(&name));
            return Ok(match left {
                Err(trouble) if groundcrew::error::Kind::Incomplete == why.kind() => {
                    Outcome::Left(name, trouble)
                }
                _ => Outcome::NotTried(sight::<()>(Err(why)).err().unwrap_or_default()),
            });
        }
    };
    let uid = made.metadata.uid.clone();
    let asked = interrupt.guard(ask(&api, made, timeout)).await;
    if let Err(trouble) = remove(&api, &writer, &name, uid.as_deref()).await {
        return Ok(Outcome::Left(name, trouble));
    }
    match asked {
        Err(error) if error.kind() != groundcrew::error::Kind::Interrupted => Ok(
            Outcome::NotTried(sight::<()>(Err(error)).err().unwrap_or_default()),
        ),
        asked => asked,
    }
}

fn object(key: &KeyAndRequest) -> CertificateSigningRequest {
    let (label, value) = labels::MANAGED_BY;
    CertificateSigningRequest {
        metadata: ObjectMeta {
            name: Some(format!("{PREFIX}{}", &key.fingerprint()[..8])),
            labels: Some([(label.to_owned(), value.to_owned())].into()),
            ..ObjectMeta::default()
        },
        spec: CertificateSigningRequestSpec {
            request: ByteString(key.request_pem().as_bytes().to_vec()),
            signer_name: SIGNER.to_owned(),
            usages: Some(vec![
                "client auth".to_owned(),
                "digital signature".to_owned(),
            ]),
            expiration_seconds: Some(LIFETIME),
            ..CertificateSigningRequestSpec::default()
        },
        status: None,
    }
}

/// Approves with the resourceVersion that was read, and waits.
async fn ask(
    api: &Api<CertificateSigningRequest>,
    mut request: CertificateSigningRequest,
    timeout: Duration,
) -> Result<Outcome> {
    let name = request.metadata.name.clone().unwrap_or_default();
    request.status = Some(CertificateSigningRequestStatus {
        certificate: None,
        conditions: Some(vec![CertificateSigningRequestCondition {
            type_: "Approved".to_owned(),
            status: "True".to_owned(),
            reason: Some("Probe".to_owned()),
            message: Some("kubectl onboard doctor checks whether this signer issues certificates".to_owned()),
            ..CertificateSigningRequestCondition::default()
        }]),
    });
    let doing = Doing::new("update", RESOURCE).sub("approval").named(&name);
    api.replace_subresource("approval", &name, &PostParams::default(), &request)
        .await
        .map_err(|error| explain(error, &doing))?;
    let started = Instant::now();
    let mut pause = Duration::from_millis(60);
    loop {
        sleep(pause.min(timeout.saturating_sub(started.elapsed()))).await;
        pause = (pause * 2).min(Duration::from_secs(1));
        let found = api
            .get(&name)
            .await
            .map_err(|error| explain(error, &Doing::new("get", RESOURCE).named(&name)))?;
        let status = found.status.unwrap_or_default();
        if status
            .certificate
            .is_some_and(|signed| !signed.0.is_empty())
        {
            return Ok(Outcome::Signed(started.elapsed()));
        }
        let mut conditions = status.conditions.iter().flatten();
        if let Some(refused) = conditions.find(|one| matches!(&*one.type_, "Denied" | "Failed")) {
            let why = refused.message.as_deref().or(refused.reason.as_deref());
            return Ok(Outcome::Refused(
                why.unwrap_or("no reason given").to_owned(),
            ));
        }
        if started.elapsed() >= timeout {
            return Ok(Outcome::Silent(timeout));
        }
    }
}

/// Removes exactly this request. The signer may write to it in between, so a conflict means
/// reading it again.
async fn remove(
    api: &Api<CertificateSigningRequest>,
    writer: &Writer,
    name: &str,
    uid: Option<&str>,
) -> std::result::Result<(), String> {
    let doing = Doing::new("delete", RESOURCE).named(name);
    let told = |error| {
        sight::<()>(Err(explain(error, &doing)))
            .err()
            .unwrap_or_default()
    };
    let mut last = "it keeps changing".to_owned();
    for _ in 0..5 {
        let found = match api.get_opt(name).await {
            Ok(None) => return Ok(()),
            Ok(Some(found)) => found,
            Err(error) => {
                last = told(error);
                continue;
            }
        };
        if uid.is_some() && found.metadata.uid.as_deref() != uid {
            return Ok(());
        }
        match writer.delete(api, &found.metadata).await {
            Ok(_) => return Ok(()),
            Err(error) if is_conflict(&error) => {}
            Err(error) => last = told(error),
        }
    }
    Err(last)
}
