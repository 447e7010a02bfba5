//! Dead canaries: what needs no statistics to be told.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::model::object;
use crate::model::pod::{Pod, Trouble};
use crate::model::record::Failure;

/// How long the scheduler's refusal is believed to pass, as when a node is being added.
const SCHEDULING: Duration = Duration::from_secs(10);

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

/// Looks for a dead canary among its pods and in its ReplicaSet; `patience` is how long a pod may
/// take to become Ready.
#[must_use]
pub fn diagnose<'a>(
    set: &Value,
    pods: impl Iterator<Item = &'a Pod>,
    now: Timestamp,
    patience: Duration,
) -> Option<Dead> {
    let mut worst = quota(set);
    for pod in pods {
        // A container that ran out of memory backs off like any other; why is what helps.
        let out_of_memory = |trouble: &&Trouble| trouble.reason == "OOMKilled";
        let troubles = pod.troubles.iter();
        let found = troubles
            .clone()
            .filter(out_of_memory)
            .chain(troubles)
            .find_map(|trouble| container(pod, trouble))
            .or_else(|| unscheduled(pod, now))
            .or_else(|| never_ready(pod, now, patience));
        match found {
            Some(found) if found.failure == Failure::Bad => return Some(found),
            found => worst = worst.or(found),
        }
    }
    worst
}

/// What a container's state says. Pulling and configuration are judged when the kubelet says that
/// it backs off, since the first try may meet a registry that is away for a second.
fn container(pod: &Pod, trouble: &Trouble) -> Option<Dead> {
    let transient = trouble.message.contains("failed to sync");
    let dead = match trouble.reason.as_str() {
        "CreateContainerConfigError" | "CreateContainerError" => !transient,
        "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" | "CrashLoopBackOff"
        | "RunContainerError" | "OOMKilled" | "ContainerCannotRun" => true,
        "ErrImagePull" => trouble.message.contains("not found"),
        // One restart may be a race with something that was not up yet; a second is none.
        _ => trouble.exit_code.is_some() && pod.restarts >= 2,
    };
    dead.then(|| Dead {
        failure: Failure::Bad,
        pod: Some(pod.name.clone()),
        container: Some(trouble.container.clone()),
        reason: match trouble.exit_code {
            Some(code) if trouble.reason != "OOMKilled" => {
                format!("{} (exit code {code})", trouble.reason)
            }
            _ => trouble.reason.clone(),
        },
        message: trouble.message.clone(),
    })
}

fn unscheduled(pod: &Pod, now: Timestamp) -> Option<Dead> {
    let (since, words) = pod.unschedulable.as_ref()?;
    let long = since.is_none_or(|since| now.duration_since(since).unsigned_abs() >= SCHEDULING);
    long.then(|| Dead {
        failure: Failure::Untried,
        pod: Some(pod.name.clone()),
        container: None,
        reason: "Unschedulable".to_owned(),
        message: words.clone(),
    })
}

fn never_ready(pod: &Pod, now: Timestamp, patience: Duration) -> Option<Dead> {
    let age = now.duration_since(pod.created?).unsigned_abs();
    (!pod.ready && age >= patience).then(|| Dead {
        failure: Failure::Bad,
        pod: Some(pod.name.clone()),
        container: None,
        reason: "never Ready".to_owned(),
        message: format!(
            "not Ready {} after it was created",
            groundcrew::flags::duration::Span(age)
        ),
    })
}

/// Pods that may not even be made: quota, a webhook, pod security.
fn quota(set: &Value) -> Option<Dead> {
    let conditions = set["status"]["conditions"].as_array()?;
    let failure = conditions
        .iter()
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")?;
    Some(Dead {
        failure: Failure::Untried,
        pod: None,
        container: None,
        reason: object::text(&failure["reason"]).to_owned(),
        message: object::text(&failure["message"]).to_owned(),
    })
}

impl std::fmt::Display for Dead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = self.pod.as_deref().unwrap_or("the canary");
        write!(f, "{who}: {}", self.reason)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(reason: &str, message: &str) -> Pod {
        Pod {
            uid: "u".to_owned(),
            name: "web-1".to_owned(),
            stem: None,
            owner: "s".to_owned(),
            ready: false,
            ready_since: None,
            turned: None,
            started: None,
            created: Some(at(0)),
            deleting: false,
            ended: false,
            restarts: 0,
            killed: Vec::new(),
            unschedulable: None,
            troubles: vec![Trouble {
                container: "app".to_owned(),
                reason: reason.to_owned(),
                message: message.to_owned(),
                last: false,
                exit_code: None,
            }],
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failure(pods: &[Pod], second: i64) -> Option<Failure> {
        let patience = Duration::from_secs(600);
        diagnose(&json!({}), pods.iter(), at(second), patience).map(|dead| dead.failure)
    }

    #[test]
    fn a_canary_that_cannot_start_is_dead_at_once() {
        for reason in [
            "ImagePullBackOff",
            "InvalidImageName",
            "CreateContainerConfigError",
            "CrashLoopBackOff",
            "OOMKilled",
        ] {
            assert_eq!(
                failure(&[pod(reason, "")], 1),
                Some(Failure::Bad),
                "{reason}"
            );
        }
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        assert_eq!(failure(&[pod("ContainerCreating", "")], 1), None);
        assert_eq!(failure(&[pod("ErrImagePull", "i/o timeout")], 1), None);
        let cache = pod(
            "CreateContainerConfigError",
            "failed to sync configmap cache",
        );
        assert_eq!(failure(&[cache], 1), None);
    }

    #[test]
    fn never_ready_and_unschedulable_take_their_time() {
        let mut quiet = pod("", "");
        quiet.troubles.clear();
        assert_eq!(failure(&[quiet.clone()], 599), None);
        assert_eq!(failure(&[quiet.clone()], 600), Some(Failure::Bad));
        quiet.unschedulable = Some((Some(at(0)), "0/3 nodes are available".to_owned()));
        assert_eq!(failure(&[quiet.clone()], 9), None);
        assert_eq!(failure(&[quiet], 10), Some(Failure::Untried));
    }

    #[test]
    fn a_bad_pod_counts_more_than_one_that_has_no_place() {
        let mut waiting = pod("", "");
        waiting.troubles.clear();
        waiting.unschedulable = Some((None, String::new()));
        let pods = [waiting, pod("CrashLoopBackOff", "")];
        assert_eq!(failure(&pods, 1), Some(Failure::Bad));
    }

    #[test]
    fn a_quota_that_is_full_is_told_in_its_own_words() {
        let set = json!({"status": {"conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
             "message": "exceeded quota: small"}]}});
        let dead = diagnose(&set, [].iter(), at(0), Duration::from_secs(1)).unwrap();
        assert_eq!(dead.failure, Failure::Untried);
        assert!(dead.to_string().contains("exceeded quota"), "{dead}");
    }
}
