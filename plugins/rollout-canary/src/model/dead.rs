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
        }
        let found = found
            .or_else(|| unscheduled(pod, patience, waited))
            .or_else(|| {
                let late = never_ready(pod, patience, waited);
                late.filter(|_| !waits_for_others)
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::pod::Restarted;

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
                init: false,
                restarts: 0,
                ended: None,
            }],
            restarted: Vec::new(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn failure_beside(stable: &[Pod], pods: &[Pod], second: i64) -> Option<Failure> {
        let mut waited = |_: String, since: Option<Timestamp>| {
            let since = since.unwrap_or(at(0));
            Duration::try_from(at(second).duration_since(since)).unwrap_or_default()
        };
        let habits = Habits::of(stable.iter());
        let patience = habits.patience(Some(600));
        let dead = diagnose(&json!({}), pods.iter(), &habits, patience, &mut waited);
        dead.map(|dead| dead.failure)
    }

    fn failure(pods: &[Pod], second: i64) -> Option<Failure> {
        failure_beside(&[], pods, second)
    }

    #[test]
    fn a_canary_that_crashes_is_dead_at_once() {
        for reason in ["InvalidImageName", "CrashLoopBackOff", "OOMKilled"] {
            let found = failure(&[pod(reason, "")], 1);
            assert_eq!(found, Some(Failure::Bad), "{reason}");
        }
    }

    #[test]
    fn what_may_come_is_waited_for_and_only_the_version_is_bad() {
        for (reason, then) in [
            ("ImagePullBackOff", Failure::Untried),
            ("ErrImagePull", Failure::Untried),
            ("CreateContainerConfigError", Failure::Bad),
        ] {
            let pods = [pod(reason, "not found")];
            assert_eq!(failure(&pods, 599), None, "{reason}");
            assert_eq!(failure(&pods, 600), Some(then), "{reason}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_waited_for() {
        assert_eq!(failure(&[pod("ContainerCreating", "")], 1), None);
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
        assert_eq!(failure(&[quiet.clone()], 599), None);
        assert_eq!(failure(&[quiet], 600), Some(Failure::Untried));
    }

    fn restarted(container: &str, times: i32, init: bool) -> Pod {
        let mut found = pod("Error", "");
        let trouble = Trouble {
            container: container.to_owned(),
            exit_code: Some(1),
            restarts: times,
            ended: Some(at(20)),
            init,
            ..found.troubles[0].clone()
        };
        found.troubles = vec![trouble];
        found.restarted = vec![Restarted {
            container: container.to_owned(),
            times,
            ended: Some(at(20)),
        }];
        found
    }

    #[test]
    fn restarts_are_compared_with_those_of_stable_pods_at_their_start() {
        let canary = [restarted("app", 2, false)];
        assert_eq!(failure(&canary, 30), Some(Failure::Bad));
        let stable = [restarted("app", 2, false)];
        assert_eq!(failure_beside(&stable, &canary, 30), None);
        let more = [restarted("app", 3, false)];
        assert_eq!(failure_beside(&stable, &more, 30), Some(Failure::Bad));
        // What a stable pod went through in a week says nothing about a start.
        let mut later = restarted("app", 9, false);
        later.restarted[0].ended = Some(at(90_000));
        assert_eq!(failure_beside(&[later], &more, 30), Some(Failure::Bad));
    }

    #[test]
    fn an_init_container_that_waits_is_waited_for_and_bad_only_if_stable_ones_did_not() {
        let canary = [restarted("init", 4, true)];
        assert_eq!(failure(&canary, 599), None);
        assert_eq!(failure(&canary, 600), Some(Failure::Bad));
        let stable = [restarted("init", 5, true)];
        assert_eq!(
            failure_beside(&stable, &canary, 600),
            Some(Failure::Untried)
        );
    }

    #[test]
    fn a_restart_grows_old() {
        let mut pod = restarted("app", 2, false);
        pod.ready = true;
        assert_eq!(failure(&[pod.clone()], 30), Some(Failure::Bad));
        assert_eq!(failure(&[pod], 620), None);
    }

    #[test]
    fn patience_is_at_least_what_stable_pods_needed() {
        let mut slow = pod("", "");
        slow.ready_since = Some(at(30));
        let habits = Habits::of([slow].iter());
        assert_eq!(habits.patience(Some(10)), Duration::from_secs(90));
        assert_eq!(habits.patience(Some(600)), Duration::from_secs(600));
        assert_eq!(habits.patience(None), Duration::from_secs(600));
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
    fn a_quota_that_stays_full_is_told_in_its_own_words() {
        let set = json!({"metadata": {"uid": "s"}, "status": {"conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
             "message": "exceeded quota: small"}]}});
        let look = |seconds: u64| {
            let mut waited = move |_: String, _: Option<Timestamp>| Duration::from_secs(seconds);
            let patience = Duration::from_secs(9);
            diagnose(&set, [].iter(), &Habits::default(), patience, &mut waited)
        };
        assert_eq!(look(8), None);
        let dead = look(9).unwrap();
        assert_eq!(dead.failure, Failure::Untried);
        assert!(dead.to_string().contains("exceeded quota"), "{dead}");
    }
}
