//! The comparison of an emitted policy with the engine, pod by pod, on a real server.
//!
//! Everything is made in a namespace of its own, bound to it alone, and taken away again. Pods are
//! only tried (`dryRun=All`), by a service account that may create pods and use no policy, so that
//! the rights of the pod's own account decide.

mod world;

use std::fmt;

use futures::StreamExt as _;
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::ui::Ui;
use psp_advise::psp::{Policy, faults_as_is, probes};
use serde::Serialize;
use serde_json::{Value, json};

use crate::explain::Subject;
use world::{Answer, World};

/// Pods that are tried at the same time.
const AT_ONCE: usize = 8;
/// Every how many pods of a policy the accounts that may use all and no policies try it too.
const OTHERS: usize = 5;
/// Differences that are shown.
const SHOWN: usize = 10;

/// What is compared where.
pub(super) struct Asked<'a> {
    pub(super) session: &'a Session,
    pub(super) policies: &'a [Policy],
    /// Workloads whose pods are tried too.
    pub(super) subjects: &'a [Subject],
}

/// How the comparison ended: every pod was decided alike.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compared {
    /// Pods that both admit.
    admitted: usize,
    /// Pods that both refuse.
    refused: usize,
    /// Pods that the server refuses for another reason.
    not_comparable: usize,
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "compared on the server: {} pods admitted and {} refused by both, none differs; {} \
             are invalid there and say nothing.",
            self.admitted, self.refused, self.not_comparable
        )
    }
}

/// One try.
struct Try {
    pod: Value,
    expected: bool,
    /// The policy around which the pod was made.
    policy: Option<usize>,
}

/// Compares.
///
/// # Errors
///
/// That something differs, or that nothing can be said about a policy; what the server says.
pub(super) async fn run(
    asked: &Asked<'_>,
    yes: bool,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Compared> {
    let server = &asked.session.endpoint.server;
    if !yes {
        let question = format!(
            "Compare on {server}? A namespace, a policy bound to it, roles and service accounts \
             are made there and taken away again."
        );
        if !ui.confirm(&question)? {
            return Err(Error::failed("nothing was compared"));
        }
    }
    let mut alive: Vec<&Policy> = asked
        .policies
        .iter()
        .filter(|policy| policy.dead().is_none())
        .collect();
    alive.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let world = World::new(asked.session);
    let compared = async {
        interrupt.guard(world.build(asked.policies, &alive)).await?;
        let _progress = ui.progress("comparing with the policies");
        interrupt
            .guard(compare(&world, &alive, asked.subjects))
            .await
    }
    .await;
    let left = world.remove().await;
    for line in &left {
        ui.warning(line);
    }
    compared
}

fn tries(world: &World<'_>, policies: &[&Policy], subjects: &[Subject]) -> Vec<Try> {
    let mut all = Vec::new();
    let mut add = |pod: &Value, account: &str, expected: bool, policy: Option<usize>| {
        let mut pod = pod.clone();
        pod["apiVersion"] = json!("v1");
        pod["kind"] = json!("Pod");
        pod["metadata"]["name"] = json!(format!("p{}", all.len()));
        pod["metadata"]["namespace"] = json!(world.name);
        pod["spec"]["serviceAccountName"] = json!(account);
        all.push(Try {
            pod,
            expected,
            policy,
        });
    };
    let by_any = |pod: &Value| policies.iter().any(|it| faults_as_is(it, pod).is_empty());
    for (index, policy) in policies.iter().enumerate() {
        for (number, pod) in probes(policy).iter().enumerate() {
            let expected = faults_as_is(policy, pod).is_empty();
            add(pod, &world::account(index), expected, Some(index));
            if number % OTHERS == 0 {
                add(pod, world::ALL, by_any(pod), None);
                add(pod, world::NONE, false, None);
            }
        }
    }
    for subject in subjects {
        add(&subject.pod, world::ALL, by_any(&subject.pod), None);
    }
    all
}

async fn compare(
    world: &World<'_>,
    policies: &[&Policy],
    subjects: &[Subject],
) -> Result<Compared> {
    let tries = tries(world, policies, subjects);
    let answers: Vec<Result<Answer>> = futures::stream::iter(&tries)
        .map(|one| world.attempt(&one.pod))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut compared = Compared::default();
    let (mut differences, mut shown) = (Vec::new(), vec![(false, false); policies.len()]);
    for (one, answer) in tries.iter().zip(answers) {
        let admitted = match answer? {
            Answer::Admitted => true,
            Answer::Refused => false,
            Answer::Other => {
                compared.not_comparable += 1;
                continue;
            }
        };
        if admitted != one.expected {
            let words = |admitted| if admitted { "admit" } else { "refuse" };
            differences.push(format!(
                "the policies {} and the translation {}s {}",
                words(one.expected),
                words(admitted),
                one.pod
            ));
            continue;
        }
        if admitted {
            compared.admitted += 1;
        } else {
            compared.refused += 1;
        }
        if let Some(seen) = one.policy.and_then(|policy| shown.get_mut(policy)) {
            seen.0 |= admitted;
            seen.1 |= !admitted;
        }
    }
    if !differences.is_empty() {
        let count = differences.len();
        let error = Error::failed(format!(
            "the translation is not equivalent: {count} of {} pods are decided otherwise",
            tries.len()
        ));
        return Err(differences
            .into_iter()
            .take(SHOWN)
            .fold(error, Error::with_detail));
    }
    let unseen: Vec<&str> = policies
        .iter()
        .zip(&shown)
        .filter(|(_, (admitted, refused))| !(*admitted && *refused))
        .map(|(policy, _)| policy.metadata.name.as_str())
        .collect();
    if unseen.is_empty() {
        return Ok(compared);
    }
    Err(Error::new(
        Kind::Incomplete,
        format!(
            "equivalence is not claimed: the server takes no pod that tells {} from a policy \
             that decides always alike",
            unseen.join(", ")
        ),
    ))
}
