//! What must hold at every moment while a run acts, no matter who is at fault when it does not.

use std::fmt;

use crate::model::machine::place::place;
use crate::model::machine::seen::Seen;
use crate::model::record::form::{Form, Purpose, Strategy};
use crate::model::record::{Goal, Record};

/// Pods at one moment that are not on their way out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// Ready ones of all ReplicaSets.
    pub ready: i32,
    /// Those of the stable ReplicaSet.
    pub stable: i32,
    /// Ready ones among them.
    pub stable_ready: i32,
    /// The canary's.
    pub canary: i32,
}

/// Something that was promised and is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Fewer pods are Ready than the replicas.
    Ready {
        /// Ready pods.
        ready: i32,
        /// The replicas.
        replicas: i32,
    },
    /// There are more pods than planned.
    Pods {
        /// Pods.
        pods: i32,
        /// The most that was planned.
        most: i32,
    },
    /// There are more canary pods than planned.
    Canaries {
        /// Canary pods.
        canaries: i32,
        /// The most that was planned.
        most: i32,
    },
    /// In layout surge, fewer stable pods are Ready than the replicas.
    StableReady {
        /// Ready stable pods.
        ready: i32,
        /// The replicas.
        replicas: i32,
    },
    /// Nothing is stable any more, and nobody promotes.
    Stable,
}

impl Broken {
    /// Says whether another promise is of the same kind.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready { ready, replicas } => write!(
                f,
                "{ready} of {replicas} pods are Ready, fewer than there are replicas: check \
                 nodes and evictions"
            ),
            Self::StableReady { ready, replicas } => write!(
                f,
                "{ready} of {replicas} stable pods are Ready, fewer than there are replicas \
                 without the canary: check nodes and evictions"
            ),
            Self::Pods { pods, most } => {
                write!(f, "there are {pods} pods; at most {most} were planned")
            }
            Self::Canaries { canaries, most } => write!(
                f,
                "there are {canaries} canary pods; at most {most} were planned"
            ),
            Self::Stable => f.write_str("no stable pod is left, although nobody is promoting"),
        }
    }
}

/// Returns what was promised of this moment and is not so. Where others changed the Deployment or
/// its replicas, only what does not depend on their doing is looked at.
#[must_use]
pub fn broken(record: &Record, seen: &Seen, pods: &Pods) -> Vec<Broken> {
    let replicas = seen.replicas;
    let mut found = Vec::new();
    if pods.ready < replicas {
        found.push(Broken::Ready {
            ready: pods.ready,
            replicas,
        });
    }
    let Ok(Some(at)) = place(record, seen) else {
        return found;
    };
    if at.replicas != replicas {
        return found;
    }
    let most = most_pods(record, &at);
    let all = pods.stable + pods.canary;
    if all > most {
        found.push(Broken::Pods { pods: all, most });
    }
    let promoted = matches!(at.purpose, Purpose::Promote | Purpose::Final)
        || matches!(record.goal, Goal::Promote { .. });
    if promoted {
        return found;
    }
    if pods.stable == 0 && replicas > 0 {
        found.push(Broken::Stable);
    }
    let planned: Vec<&Form> = record
        .forms
        .iter()
        .filter(|form| is_planned(form, replicas))
        .collect();
    // After others scaled, the way back is all that is planned.
    let Some(canaries) = planned.iter().map(|form| form.canary).max() else {
        return found;
    };
    if pods.canary > canaries {
        found.push(Broken::Canaries {
            canaries: pods.canary,
            most: canaries,
        });
    }
    let surges = planned.iter().all(|form| form.stable >= replicas);
    if surges && pods.stable_ready < replicas {
        found.push(Broken::StableReady {
            ready: pods.stable_ready,
            replicas,
        });
    }
    found
}

/// Says whether a form makes a split for so many replicas.
fn is_planned(form: &Form, replicas: i32) -> bool {
    let splits = [
        Purpose::Ramp,
        Purpose::Settle,
        Purpose::Widen,
        Purpose::Park,
    ];
    form.replicas == replicas && splits.contains(&form.purpose)
}

/// Returns how many pods there may be in a form: what the budget allows, and while the controller
/// replaces pods natively those that are about to go beside those that have come for them.
pub fn most_pods(record: &Record, at: &Form) -> i32 {
    let beside = match (at.purpose, at.strategy) {
        (Purpose::Promote | Purpose::Revert, Strategy::Steps(steps)) => steps.surge,
        (Purpose::Final, _) => record.own_steps(at.replicas).surge,
        _ => 0,
    };
    at.replicas + record.budget.max(1) + beside
}
