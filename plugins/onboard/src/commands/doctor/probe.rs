//! Whether the signer issues, and whether what it issues reaches the API server: a request for a
//! key that is thrown away, removed in every case.

use std::path::Path;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::finding::reason;
use groundcrew::flags::kube::Tuning;
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::ObjectMeta;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::cluster::certificates::Requests;
use crate::cluster::proof;
use crate::model::credential::KeyAndRequest;
use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::{Document, Secret};
use crate::model::labels;
use crate::model::objects::certificate_request::{Signed, request};
use crate::model::product::PRODUCT;
use crate::model::user::UserName;

/// Who these requests are for: nobody.
const NAME: &str = "groundcrew-doctor";

/// What the names of these requests start with.
pub const PREFIX: &str = "onboard-doctor-";

/// The longest pause between two looks at the request.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The shortest lifetime that the API server accepts.
const LIFETIME: Duration = Duration::from_secs(600);

/// What became of the request.
#[derive(Debug, Default)]
pub enum Outcome {
    /// It was signed, after that long.
    Signed(Duration),
    /// It was signed, and means nothing to the API server: why.
    Useless(String),
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
pub async fn probe(
    session: &Session,
    timeout: Duration,
    tuning: Tuning,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let requests = Requests::of(session);
    let writer = Writer {
        field_manager: "kubectl-onboard".to_owned(),
        dry_run: false,
        force_conflicts: false,
    };
    // The key never leaves this run, and its name has no rights.
    let key = KeyAndRequest::new(NAME, &[])?;
    let request = object(&key);
    let name = request.metadata.name.clone().unwrap_or_default();
    let is_mine = |found: &CertificateSigningRequest| found.spec.request == request.spec.request;
    let made = match requests.send(&writer, &request, is_mine).await {
        Ok(made) => made,
        Err(error) => {
            // When it is unknown whether it was created, it is removed if it was.
            let left = requests.remove(&writer, &name, None).await;
            return Ok(match left {
                Err(trouble) if groundcrew::error::Kind::Incomplete == error.kind() => {
                    Outcome::Left(name, reason(&trouble))
                }
                _ => Outcome::NotTried(reason(&error)),
            });
        }
    };
    let uid = made.metadata.uid.clone();
    let asked = ask(&requests, made, timeout, interrupt).await;
    let asked = match asked {
        Ok((outcome, Some(chain))) => {
            let trying = tried(session, &key, chain, tuning, ui);
            match interrupt.guard(async { Ok(trying.await) }).await {
                Ok(Err(error)) if proof::is_not_arrived(&error) => {
                    Ok(Outcome::Useless(reason(&error)))
                }
                Err(error) => Err(error),
                // Whatever else stands in its way is no matter of the signer.
                Ok(_) => Ok(outcome),
            }
        }
        asked => asked.map(|(outcome, _)| outcome),
    };
    if let Err(trouble) = requests.remove(&writer, &name, uid.as_deref()).await {
        return Ok(Outcome::Left(name, reason(&trouble)));
    }
    match asked {
        Err(error) if error.kind() != groundcrew::error::Kind::Interrupted => {
            Ok(Outcome::NotTried(reason(&error)))
        }
        asked => asked,
    }
}

fn object(key: &KeyAndRequest) -> CertificateSigningRequest {
    let (label, value) = labels::MANAGED_BY;
    let metadata = ObjectMeta {
        name: Some(format!("{PREFIX}{}", &key.fingerprint()[..8])),
        labels: Some([(label.to_owned(), value.to_owned())].into()),
        ..ObjectMeta::default()
    };
    request(metadata, key.request_pem(), LIFETIME)
}

/// Approves and waits.
async fn ask(
    requests: &Requests,
    request: CertificateSigningRequest,
    timeout: Duration,
    interrupt: &Interrupt,
) -> Result<(Outcome, Option<Vec<u8>>)> {
    let name = request.metadata.name.clone().unwrap_or_default();
    let message =
        "kubectl onboard doctor checks whether this signer issues certificates".to_owned();
    requests.approve(request, "Probe", message).await?;
    let started = Instant::now();
    let signed = requests.wait(&name, timeout, LONGEST_PAUSE, interrupt);
    Ok(match signed.await? {
        Signed::Issued(chain) => (Outcome::Signed(started.elapsed()), Some(chain)),
        Signed::Denied(why) | Signed::Failed(why) => (Outcome::Refused(why), None),
        Signed::Silent => (Outcome::Silent(timeout), None),
    })
}

/// Asks the server who it sees with the certificate.
async fn tried(
    session: &Session,
    key: &KeyAndRequest,
    certificate: Vec<u8>,
    tuning: Tuning,
    ui: &Ui,
) -> Result<()> {
    let secret = Secret::Certificate {
        certificate,
        key: Zeroizing::new(key.key_pem().to_owned()),
    };
    let user = UserName::parse(NAME)?;
    let endpoint = (&session.endpoint).into();
    let document = Document::new(&user, &session.cluster, "default", &endpoint, &secret)?;
    let text = document.as_str().as_bytes();
    let place = Path::new("the kubeconfig of the probe");
    let holder = client::from_kubeconfig(text, place, tuning, &PRODUCT, ui).await?;
    proof::identity(&holder, CredentialKind::Certificate).await?;
    Ok(())
}
