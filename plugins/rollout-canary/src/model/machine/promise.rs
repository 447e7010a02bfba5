//! What must hold at every moment while a run acts, whoever is at fault when it does not.

use std::fmt;

use super::{Seen, place};
use crate::record::{Form, Goal, Purpose, Record, Strategy};

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
                "{ready} of {replicas} pods are Ready: fewer than the replicas; look at nodes and \
                 evictions"
            ),
            Self::StableReady { ready, replicas } => write!(
                f,
                "{ready} of {replicas} stable pods are Ready: without the canary there are fewer \
                 than the replicas; look at nodes and evictions"
            ),
            Self::Pods { pods, most } => {
                write!(f, "there are {pods} pods, and at most {most} were planned")
            }
            Self::Canaries { canaries, most } => write!(
                f,
                "there are {canaries} canary pods, and at most {most} were planned"
            ),
            Self::Stable => f.write_str("no stable pod is left although nobody promotes"),
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
fn most_pods(record: &Record, at: &Form) -> i32 {
    let beside = match (at.purpose, at.strategy) {
        (Purpose::Promote | Purpose::Revert, Strategy::Steps(steps)) => steps.surge,
        (Purpose::Final, _) => record.own_steps(at.replicas).surge,
        _ => 0,
    };
    at.replicas + record.budget.max(1) + beside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::tests::{abort, promote, record};
    use crate::model::World;
    use crate::plan::{Walk, put, sight, walk};
    use crate::record::Layout;

    fn start(percent: f64, layout: Layout) -> Walk {
        let record = record(10, percent, layout, 3);
        let world = World::at_rest(10, record.own_steps(10));
        walk(record, world, None)
    }

    fn pods(world: &World) -> Pods {
        Pods {
            ready: world.stable.ready + world.canary.ready,
            stable: world.stable.size,
            stable_ready: world.stable.ready,
            canary: world.canary.size,
        }
    }

    /// The looks at everything that the model does on the way to a goal and out again.
    fn looks(goal: &Goal, mut look: impl FnMut(&Record, &Seen, &World, i32)) {
        for layout in [Layout::Surge, Layout::Replace] {
            let there = start(20.0, layout);
            let mut record = there.record.clone();
            record.aim(goal.clone());
            let out = walk(record, there.world, there.form);
            for way in [there, out] {
                let mut world = World::at_rest(10, way.record.own_steps(10));
                for form in &way.record.forms {
                    put(&mut world, &way.record, form);
                    let extremes = world.run();
                    let seen = sight(&way.record, &world, Some(*form));
                    look(&way.record, &seen, &world, extremes.most);
                }
            }
        }
    }

    #[test]
    fn nothing_is_broken_on_any_way_of_the_model() {
        for goal in [promote(), abort()] {
            looks(&goal, |record, seen, world, most| {
                assert_eq!(broken(record, seen, &pods(world)), [], "{world:?}");
                let at = place(record, seen).unwrap().unwrap();
                assert!(most <= most_pods(record, &at), "{at:?}: {most}");
            });
        }
    }

    #[test]
    fn each_promise_is_missed_when_it_is_not_kept() {
        let there = start(10.0, Layout::Surge);
        let seen = sight(&there.record, &there.world, there.form);
        let whole = pods(&there.world);
        let broken = |change: &dyn Fn(&mut Pods)| {
            let mut pods = whole;
            change(&mut pods);
            broken(&there.record, &seen, &pods)
        };
        assert_eq!((whole.stable, whole.canary), (11, 1));
        assert_eq!(broken(&|_| {}), []);
        let (ready, replicas) = (9, 10);
        let dead = broken(&|pods| pods.stable_ready = 9);
        assert_eq!(dead, [Broken::StableReady { ready, replicas }]);
        let both = broken(&|pods| (pods.ready, pods.stable_ready) = (9, 9));
        assert_eq!(both[0], Broken::Ready { ready, replicas });
        let more = broken(&|pods| pods.stable = 13);
        assert_eq!(more, [Broken::Pods { pods: 14, most: 13 }]);
        let more = broken(&|pods| pods.canary = 2);
        let (canaries, most) = (2, 1);
        assert_eq!(more, [Broken::Canaries { canaries, most }]);
        let none = broken(&|pods| (pods.stable, pods.stable_ready) = (0, 0));
        assert!(none.contains(&Broken::Stable), "{none:?}");
    }

    #[test]
    fn what_others_do_to_the_replicas_is_not_this_runs_promise() {
        let there = start(10.0, Layout::Surge);
        let mut seen = sight(&there.record, &there.world, there.form);
        seen.replicas = 6;
        assert_eq!(broken(&there.record, &seen, &pods(&there.world)), []);
        let mut seen = sight(&there.record, &there.world, there.form);
        seen.shape.paused = false;
        let more = Pods {
            canary: 5,
            ..pods(&there.world)
        };
        assert_eq!(broken(&there.record, &seen, &more), []);
    }
}
