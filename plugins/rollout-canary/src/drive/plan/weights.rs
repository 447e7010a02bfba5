//! What the model says of weights, and of the ways out of them.

use serde::Serialize;

use crate::model::controller::world::{Extremes, World};
use crate::model::machine::next::End;
use crate::model::record::form::Purpose;
use crate::model::record::{Goal, Layout, Record};
use crate::model::walk::{Walk, walk};
use crate::model::weight::{Weight, Weights};

/// Between which numbers of pods a way stays.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounds {
    /// Most pods at any moment that are not on their way out.
    pub most_pods: i32,
    /// Fewest Ready pods.
    pub fewest_ready: i32,
}

/// One weight.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtWeight {
    /// What is asked.
    pub asked: Weight,
    /// Stable pods at rest.
    pub stable: i32,
    /// Canary pods.
    pub canary: i32,
    /// The effective share.
    pub percent: Weight,
    /// Whether it is safe without a driver.
    pub parked: bool,
    /// Which layout it has.
    pub layout: Layout,
    /// The patches, and the pods after each.
    pub patches: Vec<Patch>,
}

/// One patch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    /// What it is for.
    pub purpose: Purpose,
    /// Stable pods afterwards.
    pub stable: i32,
    /// Canary pods afterwards.
    pub canary: i32,
    /// Most pods on the way.
    pub most_pods: i32,
    /// Fewest Ready pods on the way.
    pub fewest_ready: i32,
}

/// Goes through the weights in the model, one after the other.
#[must_use]
pub fn walk_all(record: &Record, replicas: i32, asked: &Weights) -> Vec<(AtWeight, Walk)> {
    let own = record.own_steps(replicas);
    let mut last = walk(record.clone(), World::at_rest(replicas, own), None);
    let mut steps = Vec::new();
    for (index, weight) in asked
        .iter()
        .filter(|weight| *weight < Weight::ALL)
        .enumerate()
    {
        if index > 0 {
            last = go_on(&last, Goal::Hold { weight });
        }
        steps.push((step(weight, &last), last.clone()));
    }
    steps
}

/// The extremes of the ways to the weights, and of those out of any of them.
pub struct Ways {
    weights: Extremes,
    /// While the canary is promoted.
    pub promotion: Extremes,
    /// While it is taken back.
    pub abort: Extremes,
}

impl Ways {
    /// Goes out of every weight, both ways.
    #[must_use]
    pub fn of(steps: &[(AtWeight, Walk)], before: World) -> Self {
        let over = |way: &dyn Fn(&Walk) -> Extremes| {
            let all = steps.iter().map(|(_, walk)| way(walk));
            all.fold(before.extremes(), Extremes::and)
        };
        let abort = Goal::back();
        Self {
            weights: over(&|walk| walk.extremes),
            promotion: over(&|walk| go_on(walk, Goal::Promote { by: String::new() }).extremes),
            abort: over(&|walk| go_on(walk, abort.clone()).extremes),
        }
    }

    /// Returns the extremes of all of it.
    #[must_use]
    pub fn all(&self) -> Extremes {
        self.weights.and(self.promotion).and(self.abort)
    }
}

impl From<Extremes> for Bounds {
    fn from(extremes: Extremes) -> Self {
        Self {
            most_pods: extremes.most,
            fewest_ready: extremes.fewest_ready,
        }
    }
}

fn go_on(from: &Walk, goal: Goal) -> Walk {
    let mut record = from.record.clone();
    record.aim(goal);
    walk(record, from.world, from.form)
}

fn step(asked: Weight, walk: &Walk) -> AtWeight {
    let (stable, canary) = (walk.world.stable.size, walk.world.canary.size);
    AtWeight {
        asked,
        stable,
        canary,
        percent: Weight::of(canary, stable + canary),
        parked: walk.end == Ok(End::Parked),
        layout: if stable > walk.world.replicas || stable + canary > walk.world.replicas {
            Layout::Surge
        } else {
            Layout::Replace
        },
        patches: walk
            .stages
            .iter()
            .map(|stage| Patch {
                purpose: stage.form.purpose,
                stable: stage.stable,
                canary: stage.canary,
                most_pods: stage.extremes.most,
                fewest_ready: stage.extremes.fewest_ready,
            })
            .collect(),
    }
}
