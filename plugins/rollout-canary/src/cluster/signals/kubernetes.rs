//! What Kubernetes itself tells of pods.
//!
//! Everything is a cumulative count of *separate* events per pod, against the seconds since the pod
//! started: the test of the verdict does not survive counting one cause many times. So an event
//! that repeats (`Back-off restarting`, ten times) counts once, and losing readiness counts once
//! however long it lasts; how long is what [`not_ready`] tells.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use crate::cluster::signals::arms::{Arms, Member};
use crate::model::verdict::settings::{Indicator, Unit};
use crate::model::verdict::windows::{Arm, Sample, Series};

/// Containers that started again.
pub const RESTARTS: &str = "restarts";

/// Containers that were killed for using too much memory.
pub const OOM_KILLS: &str = "oom-kills";

/// Times that a pod which had been Ready was not any more.
pub const READINESS_LOST: &str = "readiness-lost";

/// Different Warning events.
pub const WARNINGS: &str = "warnings";

/// All of them, in the order of reports.
pub const ALL: [&str; 4] = [RESTARTS, OOM_KILLS, READINESS_LOST, WARNINGS];

/// Returns the indicators of this source.
#[must_use]
pub fn indicators() -> Vec<Indicator> {
    ALL.map(|name| Indicator::new(name, Unit::PodSeconds))
        .into()
}

/// What was seen of every pod so far: Kubernetes keeps only the last of some things.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    pods: BTreeMap<String, Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    /// Ids of containers that ended by `OOMKilled`.
    killed: BTreeSet<String>,
    /// Whether it was Ready at the last look, and since when.
    ready: Option<(bool, Option<Timestamp>)>,
    lost: f64,
    /// UIDs of Warning events.
    warnings: BTreeSet<String>,
}

impl Memory {
    /// Takes in the pods, and the events about them or why there are none, and returns one series
    /// per indicator.
    pub fn count(
        &mut self,
        arms: &Arms<'_>,
        events: Result<&[Event], String>,
        now: Timestamp,
    ) -> Vec<Series> {
        let about = events.as_ref().map(|events| warnings_by_pod(events));
        let mut samples: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
        for member in &arms.members {
            let uid = member.pod.uid.clone();
            let seen = self.pods.entry(uid.clone()).or_default();
            let restarts = seen.look(*member);
            if let Some(found) = about
                .as_ref()
                .ok()
                .and_then(|about| about.get(uid.as_str()))
            {
                seen.warnings
                    .extend(found.iter().map(|event| (*event).to_owned()));
            }
            let counts = [
                (RESTARTS, restarts),
                (OOM_KILLS, seen.killed.len() as f64),
                (READINESS_LOST, seen.lost),
                (WARNINGS, seen.warnings.len() as f64),
            ];
            let total = member
                .pod
                .started
                .map_or(0.0, |time| now.duration_since(time).as_secs_f64().max(0.0));
            for (name, bad) in counts {
                samples.entry(name).or_default().push(Sample {
                    arm: member.arm,
                    pod: uid.clone(),
                    bad,
                    total,
                    ready_for: member.ready_for(now),
                });
            }
        }
        let refused = events.err();
        let series = |name: &str| Series {
            indicator: name.to_owned(),
            samples: match &refused {
                Some(why) if name == WARNINGS => Err(why.clone()),
                _ => Ok(samples.remove(name).unwrap_or_default()),
            },
        };
        ALL.map(series).into()
    }
}

impl Seen {
    /// Takes in the pod's state and returns how often its containers started again.
    fn look(&mut self, member: Member<'_>) -> f64 {
        self.killed.extend(member.pod.killed.iter().cloned());
        let pod = member.pod;
        let ready = pod.turned.map(|_| (pod.ready, pod.turned));
        if let (Some((true, was_since)), Some((is_ready, since))) = (self.ready, ready)
            && (!is_ready || since != was_since)
        {
            // Unready now, or it was in between: it is Ready since another moment.
            self.lost += 1.0;
        }
        self.ready = ready.or(self.ready);
        f64::from(pod.restarts)
    }
}

/// Sorts the UIDs of Warning events by the UID of the pod they are about.
fn warnings_by_pod(events: &[Event]) -> BTreeMap<&str, Vec<&str>> {
    let mut by_pod: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in events {
        let about = (
            event.involved_object.uid.as_deref(),
            event.metadata.uid.as_deref(),
        );
        if let (Some("Warning"), (Some(pod), Some(uid))) = (event.type_.as_deref(), about) {
            by_pod.entry(pod).or_default().push(uid);
        }
    }
    by_pod
}

/// Returns how many of an arm's pods are not Ready, and for how many seconds together they have
/// been so: what a person wants to see, and no count for a test.
#[must_use]
pub fn not_ready(arms: &Arms<'_>, arm: Arm, now: Timestamp) -> (usize, f64) {
    let mut sum = (0, 0.0);
    for member in arms.members.iter().filter(|member| member.arm == arm) {
        if member.pod.ready {
            continue;
        }
        sum.0 += 1;
        sum.1 += member.pod.turned.map_or(0.0, |since| {
            now.duration_since(since).as_secs_f64().max(0.0)
        });
    }
    sum
}

#[cfg(test)]
mod tests;
