//! Tries a policy pod by pod on a real server, in a temporary namespace.
//!
//! Pods are only tried (`dryRun=All`), by a service account that may create pods and nothing else.

mod testbed;

use futures::StreamExt as _;
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::ui::Ui;
use psp_advise::model::trial::{Compared, Trial};
use serde_json::Value;

use testbed::{Answer, Testbed};

/// Pods that are tried at the same time.
const AT_ONCE: usize = 8;
/// Differences that are shown.
const SHOWN: usize = 10;

/// Returns what is asked before anything is made.
#[must_use]
pub fn question(session: &Session) -> String {
    format!(
        "Compare on {}? This creates a namespace, a policy bound to it, roles and service \
         accounts there, and deletes them afterwards.",
        session.endpoint.server
    )
}

/// Tries every pod.
///
/// # Errors
///
/// That something is decided otherwise, or that nothing can be said about a part; what the server
/// says.
pub async fn run(
    session: &Session,
    trial: &Trial<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Compared> {
    let testbed = Testbed::new(session);
    interrupt.guard(testbed.check()).await?;
    let compared = async {
        interrupt.guard(testbed.build(trial, interrupt)).await?;
        let _progress = ui.progress("trying pods on the server");
        interrupt.guard(compare(&testbed, trial)).await
    }
    .await;
    let left = testbed.remove().await;
    for line in &left {
        ui.warning(line);
    }
    compared
}

async fn compare(testbed: &Testbed<'_>, trial: &Trial<'_>) -> Result<Compared> {
    let pods: Vec<Value> = trial
        .tries
        .iter()
        .enumerate()
        .map(|(index, one)| testbed.pod(one, &format!("p{index}")))
        .collect();
    let answers: Vec<Result<Answer>> = futures::stream::iter(&pods)
        .map(|pod| testbed.attempt(pod))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut compared = Compared::default();
    let (mut differences, mut seen) = (Vec::new(), vec![(false, false); trial.parts.len()]);
    for ((one, pod), answer) in trial.tries.iter().zip(&pods).zip(answers) {
        let admitted = match answer? {
            Answer::Admitted => true,
            Answer::Refused => false,
            Answer::Other => {
                compared.not_comparable += 1;
                continue;
            }
        };
        if admitted != one.expected {
            let words = |admitted| if admitted { "admitted" } else { "refused" };
            differences.push(format!(
                "expected to be {} and was {}: {pod}",
                words(one.expected),
                words(admitted),
            ));
            continue;
        }
        if admitted {
            compared.admitted += 1;
        } else {
            compared.refused += 1;
        }
        if let Some(seen) = one.part.and_then(|part| seen.get_mut(part)) {
            seen.0 |= admitted;
            seen.1 |= !admitted;
        }
    }
    if !differences.is_empty() {
        let count = differences.len();
        let error = Error::failed(format!(
            "the policy is not equivalent: {count} of {} pods are decided differently",
            trial.tries.len()
        ));
        return Err(differences
            .into_iter()
            .take(SHOWN)
            .fold(error, Error::with_detail));
    }
    let unseen: Vec<&str> = trial
        .parts
        .iter()
        .zip(&seen)
        .filter(|(_, (admitted, refused))| !(*admitted && *refused))
        .map(|(part, _)| part.as_str())
        .collect();
    if unseen.is_empty() {
        return Ok(compared);
    }
    Err(Error::new(
        Kind::Incomplete,
        format!(
            "cannot confirm equivalence: no test pod distinguishes {} from a policy that always \
             gives the same answer",
            unseen.join(", ")
        ),
    ))
}
