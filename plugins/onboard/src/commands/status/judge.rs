//! What the status is. Pure.

use groundcrew::exit::Exit;
use groundcrew::finding::{Sight, Unseen};
use groundcrew::quantity::in_units;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, ResourceQuota};
use serde::Serialize;

use crate::commands::status::observe::Observed;
use crate::commands::status::obstacle;
use crate::commands::status::obstacle::{Obstacle, Reason};
use crate::model::credential_kind::CredentialKind;
use crate::model::objects::namespace;
use crate::model::record;
use crate::model::record::Record;
use crate::model::user::UserName;

/// How soon a new user should have something running, in seconds.
const YARDSTICK: i64 = 30 * 60;

/// How a user is doing; the body of the `OnboardStatus` document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// User name.
    pub user: String,
    /// Name of the record.
    #[serde(skip)]
    pub record: String,
    /// Team, as given.
    pub team: Option<String>,
    /// The user's namespace.
    pub namespace: String,
    /// The latest valid credential.
    pub credential: Option<Credential>,
    /// When the first credential was issued.
    pub onboarded_at: Option<Timestamp>,
    /// The first pod.
    pub first_pod: FirstPod,
    /// How much of the quota is used; null when there is none or it could not be seen.
    pub usage: Option<Usage>,
    /// What is blocking the user now.
    pub obstacles: Vec<Obstacle>,
    /// Everything could be seen.
    pub complete: bool,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

/// A credential that is valid.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Certificate or token.
    pub r#type: CredentialKind,
    /// Its generation.
    pub generation: u32,
    /// When it expires.
    pub not_after: Timestamp,
}

/// What is known of the first running pod.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstPod {
    /// The earliest start of a container among the pods that are still there.
    pub running_at: Option<Timestamp>,
    /// Seconds from onboarding until then, at most: earlier pods may be gone.
    pub after_seconds: Option<i64>,
    /// Whether it took less than 30 minutes.
    pub within_30_minutes: Verdict,
}

/// Whether something was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was.
    Yes,
    /// Not yet, and there is time left.
    Open,
    /// The pods that could tell are gone, could not be seen, or never existed.
    Unknown,
}

/// Used and allowed, as the quota writes it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Pods.
    pub pods: Option<[String; 2]>,
    /// Requested CPU.
    pub cpu: Option<[String; 2]>,
    /// Requested memory.
    pub memory: Option<[String; 2]>,
}

/// Puts the status together.
pub fn status(user: &UserName, found: &Observed, now: Timestamp) -> Status {
    let record = &found.record;
    let live = record.live(now).next_back();
    let onboarded_at = onboarded(found);
    let unseen = unseen(found);
    Status {
        user: user.to_string(),
        record: record::name(user),
        team: record.settings.team.clone(),
        namespace: record.namespace.clone(),
        credential: live.map(|issue| Credential {
            r#type: issue.kind,
            generation: issue.generation,
            not_after: issue.not_after,
        }),
        onboarded_at,
        first_pod: first_pod(&found.pods, onboarded_at, now),
        usage: usage(&found.quotas),
        obstacles: obstacles(user, found, now),
        complete: unseen.is_empty(),
        unseen,
    }
}

/// Names what could not be seen, and why.
fn unseen(found: &Observed) -> Vec<Unseen> {
    [
        ("namespace", found.namespace.as_ref().err()),
        ("quotas", found.quotas.as_ref().err()),
        ("pods", found.pods.as_ref().err()),
        ("replica sets", found.replica_sets.as_ref().err()),
        ("events", found.refused.as_ref().err()),
        (
            "stateful sets, daemon sets and jobs",
            found.short.as_ref().err(),
        ),
    ]
    .into_iter()
    .filter_map(|(what, why)| Some(Unseen::new(what, why?)))
    .collect()
}

impl Status {
    /// Returns how the run ends.
    pub fn exit(&self) -> Exit {
        if !self.obstacles.is_empty() {
            Exit::No
        } else if !self.complete {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }

    /// Returns what has to be said about the first pod, so that it is not misread.
    pub fn remark(&self) -> Option<&'static str> {
        match (&self.first_pod.running_at, self.first_pod.within_30_minutes) {
            (_, Verdict::Yes | Verdict::Open) => None,
            (Some(_), Verdict::Unknown) => Some(
                "the oldest pod that still exists started more than 30 minutes after onboarding; \
                 earlier ones may be gone.",
            ),
            (None, Verdict::Unknown) => {
                Some("none of the pods that exist has ever run; earlier ones may be gone.")
            }
        }
    }
}

/// Returns when the user was onboarded: with the first credential, or else with the namespace.
fn onboarded(found: &Observed) -> Option<Timestamp> {
    let first = found.record.generations.first();
    first.map(|issue| issue.issued_at).or_else(|| {
        let namespace = found.namespace.as_ref().ok()?.as_ref()?;
        let created = namespace.metadata.creation_timestamp.as_ref()?;
        Timestamp::from_second(created.0.as_second()).ok()
    })
}

fn first_pod(pods: &Sight<Vec<Pod>>, onboarded: Option<Timestamp>, now: Timestamp) -> FirstPod {
    let seen = pods.as_ref().ok();
    let running_at = seen.and_then(|pods| pods.iter().filter_map(started).min());
    // The namespace may be older than the user's access, with pods in it.
    let after_seconds = running_at
        .zip(onboarded)
        .map(|(at, since)| (at.as_second() - since.as_second()).max(0));
    let time_left = seen.is_some()
        && onboarded.is_some_and(|since| now.as_second() - since.as_second() < YARDSTICK);
    let within_30_minutes = match after_seconds {
        Some(seconds) if seconds < YARDSTICK => Verdict::Yes,
        None if time_left => Verdict::Open,
        _ => Verdict::Unknown,
    };
    FirstPod {
        running_at,
        after_seconds,
        within_30_minutes,
    }
}

/// Returns the earliest start of a container that a pod still reports. After several restarts the
/// first one is forgotten, so the pod may have run earlier.
fn started(pod: &Pod) -> Option<Timestamp> {
    let status = pod.status.as_ref()?;
    let starts = |container: &ContainerStatus| {
        let states = [container.state.as_ref(), container.last_state.as_ref()];
        let times = states.into_iter().flatten().flat_map(|state| {
            let running = state
                .running
                .as_ref()
                .and_then(|one| one.started_at.as_ref());
            let ended = state
                .terminated
                .as_ref()
                .and_then(|one| one.started_at.as_ref());
            [running, ended]
        });
        times
            .flatten()
            .filter_map(|time| Timestamp::from_second(time.0.as_second()).ok())
            .min()
    };
    status
        .container_statuses
        .iter()
        .flatten()
        .filter_map(starts)
        .min()
}

/// Reads the quota that onboarding created, or else the only one that there is.
fn usage(quotas: &Sight<Vec<ResourceQuota>>) -> Option<Usage> {
    let quotas = quotas.as_ref().ok()?;
    let ours = |quota: &&ResourceQuota| quota.metadata.name.as_deref() == Some(namespace::LIMITS);
    let quota = quotas.iter().find(ours).or(match quotas.as_slice() {
        [only] => Some(only),
        _ => None,
    })?;
    let status = quota.status.as_ref()?;
    let pair = |keys: &[&str]| {
        keys.iter().find_map(|key| {
            let hard = status.hard.as_ref()?.get(*key)?;
            let used = status.used.as_ref()?.get(*key)?;
            Some([used.0.clone(), hard.0.clone()])
        })
    };
    Some(Usage {
        pods: pair(&["pods", "count/pods"]),
        cpu: pair(&["requests.cpu", "cpu"]),
        memory: pair(&["requests.memory", "memory"]),
    })
}

impl Usage {
    /// Returns `1/20 pods, 0.1/2 CPU, 0.1/4Gi`.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some([used, hard]) = &self.pods {
            parts.push(format!("{used}/{hard} pods"));
        }
        let units = |pair: &[String; 2], unit: &str| {
            let [used, hard] = pair.each_ref().map(|text| in_units(text, unit));
            Some((used?, hard?))
        };
        if let Some((used, hard)) = self.cpu.as_ref().and_then(|pair| units(pair, "")) {
            parts.push(format!("{used}/{hard} CPU"));
        }
        if let Some((used, hard)) = self.memory.as_ref().and_then(|pair| units(pair, "Gi")) {
            parts.push(format!("{used}/{hard}Gi"));
        }
        parts.join(", ")
    }
}

fn obstacles(user: &UserName, found: &Observed, now: Timestamp) -> Vec<Obstacle> {
    let record = &found.record;
    let namespace = record.namespace.as_str();
    let mut all = Vec::new();
    all.extend(no_credential(record, now));
    all.extend(no_namespace(user, found));
    for quota in found.quotas.iter().flatten() {
        all.extend(obstacle::of_quota(quota, record));
    }
    for set in found.replica_sets.iter().flatten() {
        all.extend(obstacle::of_replica_set(set, namespace));
    }
    for event in found.refused.iter().flatten() {
        let about = &event.involved_object;
        let maker = (
            about.kind.clone().unwrap_or_default(),
            about.name.clone().unwrap_or_default(),
        );
        let still = found
            .short
            .as_ref()
            .is_ok_and(|short| short.get(&maker) == Some(&true));
        if still {
            all.push(obstacle::of_event(event, namespace));
        }
    }
    for pod in found.pods.iter().flatten() {
        all.extend(obstacle::of_pod(pod, namespace));
        all.extend(obstacle::overdue(pod, namespace, now));
    }
    all.sort_by(|one, other| (one.reason, &one.object).cmp(&(other.reason, &other.object)));
    // One refusal appears in many events: the pod's name differs, the controller does not.
    all.dedup_by(|one, other| {
        one.reason == other.reason
            && one.object == other.object
            && (one.message == other.message || !one.object.starts_with("pod/"))
            && one.reason != Reason::QuotaExhausted
    });
    all
}

fn no_credential(record: &Record, now: Timestamp) -> Option<Obstacle> {
    if record.live(now).next().is_some() {
        return None;
    }
    let user = &record.user;
    let message = match record.generations.last() {
        None => "no credential was ever issued".to_owned(),
        Some(last) => match last.revoked_at {
            Some(at) => format!("g{} was revoked at {at}", last.generation),
            None => format!("g{} expired at {}", last.generation, last.not_after),
        },
    };
    Some(Obstacle {
        reason: Reason::NoCredential,
        object: format!("user/{user}"),
        message,
        fix: format!("kubectl onboard {user}"),
    })
}

fn no_namespace(user: &UserName, found: &Observed) -> Option<Obstacle> {
    let name = &found.record.namespace;
    let (message, when) = match found.namespace.as_ref().ok()? {
        None => ("it does not exist", ""),
        Some(namespace) if namespace.terminating => ("it is being deleted", "once it is gone:  "),
        Some(_) => return None,
    };
    Some(Obstacle {
        reason: Reason::NoNamespace,
        object: format!("namespace/{name}"),
        message: message.to_owned(),
        fix: format!("{when}kubectl onboard {user}"),
    })
}

#[cfg(test)]
mod tests;
