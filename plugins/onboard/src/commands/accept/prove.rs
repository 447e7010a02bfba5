//! Tries out the new kubeconfig.

use std::path::Path;
use std::time::Duration;

use groundcrew::client::clock::Clock;
use groundcrew::client::{Session, clock};
use groundcrew::error::{Kind, Result};
use groundcrew::finding::reason;
use groundcrew::flags::kube::Tuning;
use groundcrew::ui::Ui;

use crate::cluster::proof;
use crate::cluster::proof::expected::Expected;
use crate::cluster::proof::review;
use crate::commands::accept::combine::Joined;
use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::Document;
use crate::model::product::PRODUCT;

/// Says whether the server answers and rejects the certificate.
async fn refuses_user(session: &Session) -> bool {
    let answer = session.client.apiserver_version().await;
    matches!(answer, Err(kube::Error::Api(status)) if status.code == 401)
}

/// How long the server may take to say what time it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the server what time it is; `None` when it cannot be asked.
pub async fn clock(document: &Document, path: &Path, tuning: Tuning, ui: &Ui) -> Option<Clock> {
    let text = document.as_str().as_bytes();
    let product = PRODUCT;
    let asking = async {
        let session = groundcrew::client::from_kubeconfig(text, path, tuning, &product, ui).await?;
        clock::read(&session).await
    };
    tokio::time::timeout(PATIENCE, asking).await.ok()?.ok()
}

/// Asks the server everything with the new credential alone.
///
/// What is written stays written: when the server cannot be reached from here, the proof is left
/// open.
///
/// # Errors
///
/// An interrupt, or that the document cannot be used at all.
pub async fn prove(
    joined: &Joined,
    document: &Document,
    path: &Path,
    tuning: Tuning,
    timeout: Duration,
    ui: &Ui,
) -> Result<Vec<Check>> {
    let progress = ui.progress("checking your kubeconfig");
    let rules = review::rules(&joined.head.grants);
    let expected = Expected {
        user: &joined.user,
        namespace: &joined.head.namespace,
        kind: CredentialKind::Certificate,
        groups: &joined.issued.groups,
        sha256: Some(&joined.issued.sha256),
        rules: &rules,
        also: Vec::new(),
        asserted: None,
        claims: false,
        limited: joined.head.limited,
    };
    let product = PRODUCT;
    let text = document.as_str().as_bytes();
    let session = groundcrew::client::from_kubeconfig(text, path, tuning, &product, ui).await?;
    let proof = proof::prove(&session, &expected, timeout).await;
    let refused = proof.is_err() && refuses_user(&session).await;
    drop(progress);
    let (name, checks) = match proof {
        Ok(proof) => proof,
        Err(error) if error.kind() == Kind::Interrupted => return Err(error),
        Err(_) if refused => {
            let server = &joined.endpoint().server;
            ui.warning(format_args!(
                "written, but {server} rejects this certificate (401)"
            ));
            ui.hint(
                "ask the admin whether this is the right cluster and whether its CA has changed",
            );
            return Ok(vec![Check::failed(server, "rejects the certificate")]);
        }
        Err(error) if proof::is_not_arrived(&error) => {
            let server = &joined.endpoint().server;
            let why = reason(&error);
            ui.warning(format_args!("written, but {why}"));
            ui.hint(
                "ask the admin for a token:  kubectl onboard USER --auth token"
                    .replace("USER", joined.user.as_str()),
            );
            return Ok(vec![Check::failed(server, why)]);
        }
        Err(error) => {
            let why = reason(&error);
            ui.warning(format_args!("written, but not verified: {why}"));
            return Ok(vec![Check::undecided(&joined.endpoint().server, why)]);
        }
    };
    let open: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
    let line = format!(
        "whoami {name}; {} of {} checks",
        checks.len() - open.len(),
        checks.len()
    );
    if open.is_empty() {
        ui.done("verified with your kubeconfig", line);
    } else {
        ui.warning(format_args!("not everything could be verified: {line}"));
        for check in open {
            ui.status(format_args!("  {check}"));
        }
    }
    Ok(checks)
}
