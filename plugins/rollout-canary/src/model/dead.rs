//! Dead canaries: what needs no statistics to be told.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::object;
use crate::model::pod::{Pod, Trouble};
use crate::model::record::Failure;

/// How long after its creation a pod's restarts are those of its start.
const START: Duration = Duration::from_secs(600);

/// A start that took longer was another one: the pod was Ready before, and then not.
const SLOWEST: Duration = Duration::from_secs(1800);

/// A restart that is older than this says nothing about the canary any more, if it is Ready.
const OLD: Duration = Duration::from_secs(600);

/// A canary that will not become Ready by waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Whether it is bad or could not be tried.
    pub failure: Failure,
    /// The pod, if it is about one.
    pub pod: Option<String>,
    /// The container whose log tells more.
    pub container: Option<String>,
    /// What is wrong: `CrashLoopBackOff`, `exceeded quota`, …
    pub reason: String,
    /// The cluster's words.
    pub message: String,
}

impl Dead {
    /// Returns one that could not be tried, for a reason that is about no pod.
    #[must_use]
    pub fn untried(reason: &str, message: &str) -> Self {
        Self {
            failure: Failure::Untried,
            pod: None,
            container: None,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// What is usual for the stable pods: what they needed at their own start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    restarts: BTreeMap<String, i32>,
    slowest: Duration,
}

impl Habits {
    /// Reads them from the stable pods.
    #[must_use]
    pub fn of<'a>(stable: impl Iterator<Item = &'a Pod>) -> Self {
        let mut habits = Self::default();
        for pod in stable {
            let since = |time: Option<Timestamp>| {
                let span = time?.duration_since(pod.created?);
                Duration::try_from(span).ok()
            };
            if let Some(start) = since(pod.ready_since).filter(|start| *start <= SLOWEST) {
                habits.slowest = habits.slowest.max(start);
            }
            for restarted in &pod.restarted {
                // How many of them were at the start is not known when the last one was later.
                let early = since(restarted.ended).is_none_or(|age| age <= START);
                if early {
                    let known = habits
                        .restarts
                        .entry(restarted.container.clone())
                        .or_default();
                    *known = (*known).max(restarted.times);
                }
            }
        }
        habits
    }

    /// Returns how long a canary pod may take to become Ready: as long as the Deployment gives it,
    /// and not less than three times what the slowest stable pod took.
    #[must_use]
    pub fn patience(&self, deadline: Option<i64>) -> Duration {
        let deadline = deadline.and_then(|seconds| u64::try_from(seconds).ok());
        Duration::from_secs(deadline.unwrap_or(600)).max(3 * self.slowest)
    }

    fn is_usual(&self, trouble: &Trouble) -> bool {
        let usual = self.restarts.get(&trouble.container).copied();
        usual.is_some_and(|usual| trouble.restarts <= usual)
    }
}

/// Returns how long something is so: its name, and since when by the cluster's clock.
pub type Waited<'a> = dyn FnMut(String, Option<Timestamp>) -> Duration + 'a;

/// Looks for a dead canary among its pods and in its ReplicaSet; `patience` is how long a pod may
/// take to become Ready. What may pass by itself is waited for that long: quotas, the scheduler,
/// images, init containers.
#[must_use]
pub fn diagnose<'a>(
    set: &Value,
    pods: impl Iterator<Item = &'a Pod>,
    habits: &Habits,
    patience: Duration,
    waited: &mut Waited<'_>,
) -> Option<Dead> {
    let mut worst = quota(set, patience, waited);
    for pod in pods {
        // A container that ran out of memory backs off like any other; why is what helps.
        let out_of_memory = |trouble: &&Trouble| trouble.reason == "OOMKilled";
        let troubles = pod.troubles.iter();
        let ordered = troubles.clone().filter(out_of_memory).chain(troubles);
        let mut waits_for_others = pod.unschedulable.is_some();
        let mut found = None;
        // What a pod waits for that is never Ready.
        let mut pending = None;
        for trouble in ordered {
            let (failure, is_final) = match weigh(pod, trouble, habits, waited) {
                Weight::Nothing => continue,
                Weight::Dead => (Failure::Bad, true),
                Weight::Waits(failure) => (failure, false),
            };
            waits_for_others |= failure == Failure::Untried;
            let about = format!("{}/{}", pod.uid, trouble.container);
            // Asked even where it is final, so that nothing is forgotten.
            let long = waited(about, pod.created) >= patience;
            if is_final || long {
                found = Some(told(pod, trouble, failure));
                break;
            }
            if failure == Failure::Bad {
                pending = pending.or_else(|| Some(told(pod, trouble, failure)));
            }
        }
        let found = found
            .or_else(|| unscheduled(pod, patience, waited))
            .or_else(|| {
                let late = never_ready(pod, patience, waited);
                let late = late.filter(|_| !waits_for_others);
                late.map(|late| pending.unwrap_or(late))
            });
        match found {
            Some(found) if found.failure == Failure::Bad => return Some(found),
            found => worst = worst.or(found),
        }
    }
    worst
}

/// What a container's trouble says.
enum Weight {
    Nothing,
    /// It does not get better.
    Dead,
    /// It may pass; if it does not, this is what it was.
    Waits(Failure),
}

/// Weighs what a container's state says, beside what is usual for the stable pods.
fn weigh(pod: &Pod, trouble: &Trouble, habits: &Habits, waited: &mut Waited<'_>) -> Weight {
    let transient = trouble.message.contains("failed to sync");
    match trouble.reason.as_str() {
        "CreateContainerConfigError" | "CreateContainerError" if transient => Weight::Nothing,
        // An operator may make the Secret a moment later.
        "CreateContainerConfigError" | "CreateContainerError" => Weight::Waits(Failure::Bad),
        "InvalidImageName" => Weight::Dead,
        // A registry may be away, or the image not there yet: that is not about the version.
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            Weight::Waits(Failure::Untried)
        }
        "ContainerCreating" | "PodInitializing" => Weight::Nothing,
        reason => {
            let crashed = [
                "CrashLoopBackOff",
                "RunContainerError",
                "OOMKilled",
                "ContainerCannotRun",
            ]
            .contains(&reason);
            // One restart may be a race with something that was not up yet; a second is none.
            if !crashed && (trouble.exit_code.is_none() || trouble.restarts < 2) {
                return Weight::Nothing;
            }
            let usual = habits.is_usual(trouble);
            if trouble.init {
                // It waits for something, as those of stable pods did, or it does not work.
                return match (pod.ready, usual) {
                    (true, true) => Weight::Nothing,
                    (false, true) => Weight::Waits(Failure::Untried),
                    (_, false) => Weight::Waits(Failure::Bad),
                };
            }
            let about = format!("{}/{}/{}", pod.uid, trouble.container, trouble.restarts);
            let old = pod.ready && waited(about, trouble.ended) >= OLD;
            if usual || old {
                Weight::Nothing
            } else {
                Weight::Dead
            }
        }
    }
}

fn told(pod: &Pod, trouble: &Trouble, failure: Failure) -> Dead {
    Dead {
        failure,
        pod: Some(pod.name.clone()),
        container: Some(trouble.container.clone()),
        reason: match trouble.exit_code {
            Some(code) if trouble.reason != "OOMKilled" => {
                format!("{} (exit code {code})", trouble.reason)
            }
            _ => trouble.reason.clone(),
        },
        message: trouble.message.clone(),
    }
}

fn unscheduled(pod: &Pod, patience: Duration, waited: &mut Waited<'_>) -> Option<Dead> {
    let (since, words) = pod.unschedulable.as_ref()?;
    let long = waited(format!("{}/node", pod.uid), *since) >= patience;
    long.then(|| Dead {
        pod: Some(pod.name.clone()),
        ..Dead::untried("Unschedulable", words)
    })
}

fn never_ready(pod: &Pod, patience: Duration, waited: &mut Waited<'_>) -> Option<Dead> {
    if pod.ready {
        return None;
    }
    let age = waited(format!("{}/ready", pod.uid), pod.created);
    (age >= patience).then(|| Dead {
        failure: Failure::Bad,
        pod: Some(pod.name.clone()),
        container: None,
        reason: "never Ready".to_owned(),
        message: format!("not Ready for {}", groundcrew::flags::duration::Span(age)),
    })
}

/// Pods that may not even be made: quota, a webhook, pod security.
fn quota(set: &Value, patience: Duration, waited: &mut Waited<'_>) -> Option<Dead> {
    let conditions = set["status"]["conditions"].as_array()?;
    let failure = conditions
        .iter()
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")?;
    let since = object::text(&failure["lastTransitionTime"]).parse().ok();
    let name = object::text(&set["metadata"]["uid"]);
    let long = waited(format!("{name}/pods"), since) >= patience;
    let (reason, message) = (&failure["reason"], &failure["message"]);
    long.then(|| Dead::untried(object::text(reason), object::text(message)))
}

impl std::fmt::Display for Dead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = self.pod.as_deref().unwrap_or("the canary");
        write!(f, "{who}: ")?;
        // The kubelet names it in some of its sentences.
        if let Some(container) = &self.container
            && !self.message.contains(container.as_str())
        {
            write!(f, "container {container}: ")?;
        }
        write!(f, "{}", self.reason)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
