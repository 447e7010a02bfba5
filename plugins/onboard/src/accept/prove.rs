//! Tries the new kubeconfig out.

use std::path::Path;
use std::time::Duration;

use groundcrew::error::{Kind, Result};
use groundcrew::flags::kube::Tuning;
use groundcrew::ui::Ui;

use super::join::Joined;
use crate::kubeconfig::Document;
use crate::proof::{self, Check, Expected, review};
use crate::record::CredentialKind;

/// Asks the server everything with the new credential alone.
///
/// What is written stays written: a server that cannot be reached from here leaves the proof open.
///
/// # Errors
///
/// Only an interrupt.
pub async fn prove(
    joined: &Joined,
    document: &Document,
    path: &Path,
    tuning: Tuning,
    timeout: Duration,
    ui: &Ui,
) -> Result<Vec<Check>> {
    let progress = ui.progress("proving with your own file");
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
        limited: joined.head.limited,
    };
    let proof = async {
        let product = crate::run::product();
        let text = document.as_str().as_bytes();
        let session = groundcrew::client::from_kubeconfig(text, path, tuning, &product, ui).await?;
        proof::prove(&session, &expected, timeout).await
    };
    let proof = proof.await;
    drop(progress);
    let (name, checks) = match proof {
        Ok(proof) => proof,
        Err(error) if error.kind() == Kind::Interrupted => return Err(error),
        Err(error) => {
            let why = error.headline();
            ui.warning(format_args!("it is written and not proved: {why}"));
            return Ok(vec![Check::undecided(joined.server(), why)]);
        }
    };
    let open: Vec<_> = checks.iter().filter(|check| !check.passed()).collect();
    let line = format!(
        "whoami {name}; {} of {} checks",
        checks.len() - open.len(),
        checks.len()
    );
    if open.is_empty() {
        ui.done("proved with your own file", line);
    } else {
        ui.warning(format_args!("not everything is proved: {line}"));
        for check in open {
            ui.status(format_args!("  {check}"));
        }
    }
    Ok(checks)
}
