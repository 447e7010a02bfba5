//! Which split is nearest to a weight, and can be parked.

use crate::model::controller::rounding::Steps;
use crate::model::controller::world::{Which, World};
use crate::model::record::Layout;
use crate::model::weight::Weight;

/// Shares that differ by less are the same fraction written in binary.
const SAME: f64 = 1e-9;

/// How a weight is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Stable pods at rest.
    pub stable: i32,
    /// Canary pods.
    pub canary: i32,
    /// maxSurge at rest.
    pub surge: i32,
    /// Whether it can be parked.
    pub parks: bool,
}

impl Split {
    /// Returns the canary's share of the pods.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.canary) / f64::from((self.stable + self.canary).max(1))
    }
}

/// Returns the split for a weight: parked if that is possible at all, nearest to the weight, and
/// of two equally near the safer one (fewer canaries, then more stable pods).
///
/// `None` when the layout that was asked for cannot be had, or there is nothing to split.
#[must_use]
pub fn choose(
    replicas: i32,
    own: Steps,
    budget: i32,
    layout: Layout,
    weight: Weight,
) -> Option<Split> {
    if replicas < 1 {
        return None;
    }
    if replicas <= 2 {
        // One canary beside every stable pod, held: c < s ≤ N cannot be parked.
        return (layout != Layout::Replace).then_some(Split {
            stable: replicas,
            canary: 1,
            surge: 1,
            parks: false,
        });
    }
    let replace = || {
        nearest(
            (1..replicas).map(|canary| replaced(replicas, canary)),
            weight,
        )
    };
    let surge = || surged_nearest(replicas, own, budget, weight);
    match layout {
        Layout::Auto => match (surge(), replace()) {
            // A dead canary that costs no capacity is worth half a pod of precision, not more.
            (Some(surged), Some(replaced)) => {
                let off = |split: &Split| (split.share() - weight.fraction()).abs();
                let half = 0.5 / f64::from(replicas);
                Some(if off(&surged) <= off(&replaced) + half {
                    surged
                } else {
                    replaced
                })
            }
            (surged, replaced) => surged.or(replaced),
        },
        Layout::Surge => surge(),
        Layout::Replace => replace(),
    }
}

/// Says whether a split is safe at rest: the canary is smaller, and the stable set is not exactly
/// the replicas, which the controller takes for a finished rollout.
fn parks(replicas: i32, stable: i32, canary: i32) -> bool {
    canary >= 1 && canary < stable && stable != replicas
}

fn replaced(replicas: i32, canary: i32) -> Split {
    Split {
        stable: replicas - canary,
        canary,
        surge: 0,
        parks: parks(replicas, replicas - canary, canary),
    }
}

/// Returns the split with surge that is nearest to a weight.
///
/// Numbers of canaries are tried in the order in which any split of them could be near, until none
/// can be nearer than what was found: with thousands of pods the model is not run for all.
fn surged_nearest(replicas: i32, own: Steps, budget: i32, weight: Weight) -> Option<Split> {
    let wanted = weight.fraction();
    // With surge there are more stable pods than replicas, and no more pods than the budget allows.
    let at_best = |canary: i32| {
        let least = f64::from(canary) / f64::from(replicas + budget);
        let most = f64::from(canary) / f64::from(replicas + 1 + canary);
        (least - wanted).max(wanted - most).max(0.0)
    };
    let mut canaries: Vec<i32> = (1..replicas).collect();
    canaries.sort_by(|one, other| at_best(*one).total_cmp(&at_best(*other)));
    let (mut found, mut nearest_yet) = (Vec::new(), f64::INFINITY);
    for canary in canaries {
        if at_best(canary) > nearest_yet + SAME {
            break;
        }
        for split in widened(made(replicas, own, canary), budget) {
            nearest_yet = nearest_yet.min((split.share() - wanted).abs());
            found.push(split);
        }
    }
    nearest(found.into_iter(), weight)
}

/// Makes the canary in the model as the driver does: with surge there are fewer than the budget, so
/// all of them at once.
fn made(replicas: i32, own: Steps, canary: i32) -> World {
    let mut world = World::at_rest(replicas, own);
    world.held = true;
    world.newest = Which::Canary;
    world.steps = Steps {
        surge: canary,
        unavailable: 0,
    };
    world.run();
    world
}

/// Returns the splits with more stable pods than replicas that a world with its canaries can be
/// widened and then parked to.
///
/// Widened is paused and held, with the canary's template in place: the pods above the replicas go
/// to the larger set, and the stable one, being the old one, is not taken for a finished rollout
/// when it has exactly as many pods as replicas. So at no moment are there fewer stable pods.
pub fn widened(world: World, budget: i32) -> impl Iterator<Item = Split> {
    let canary = world.canary.size;
    (1..=budget).filter_map(move |surge| {
        let mut wide = World {
            paused: true,
            held: true,
            newest: Which::Canary,
            steps: Steps {
                surge,
                unavailable: 0,
            },
            ..world
        };
        let extremes = wide.run();
        let stable = wide.stable.size;
        let safe = extremes.most <= world.replicas + budget
            && extremes.most_canary == canary
            && wide.canary.size == canary
            && stable > world.replicas;
        let split = parked(stable_again(wide), budget, surge)?;
        (safe && (split.stable, split.canary) == (stable, canary)).then_some(split)
    })
}

/// Returns the same with the stable template back in place.
fn stable_again(world: World) -> World {
    World {
        held: false,
        newest: Which::Stable,
        ..world
    }
}

/// Parks a world with a surge, and returns what becomes of it if that is safe at rest and no
/// larger than given.
pub fn parked(mut world: World, budget: i32, surge: i32) -> Option<Split> {
    let replicas = world.replicas;
    let canary = world.canary.size;
    world.steps = Steps {
        surge,
        unavailable: 1,
    };
    let extremes = world.run();
    let (stable, after) = (world.stable.size, world.canary.size);
    let safe = after == canary
        && extremes.most_canary == canary
        && extremes.most <= replicas + budget
        && parks(replicas, stable, after)
        && (surge == 0 || stable > replicas);
    safe.then_some(Split {
        stable,
        canary,
        surge,
        parks: true,
    })
}

/// Returns the split that is nearest to a weight.
pub fn nearest(splits: impl Iterator<Item = Split>, weight: Weight) -> Option<Split> {
    let off = |split: &Split| (split.share() - weight.fraction()).abs();
    splits.filter(|split| split.parks).min_by(|one, other| {
        let (a, b) = (off(one), off(other));
        let near = if (a - b).abs() < SAME {
            std::cmp::Ordering::Equal
        } else {
            a.total_cmp(&b)
        };
        near.then(one.canary.cmp(&other.canary))
            .then(other.stable.cmp(&one.stable))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Steps = Steps {
        surge: 3,
        unavailable: 2,
    };

    fn weight(percent: f64) -> Weight {
        Weight::try_from(percent).unwrap()
    }

    fn split(replicas: i32, layout: Layout, percent: f64) -> Option<(i32, i32, bool)> {
        let budget = (replicas + 3) / 4;
        choose(replicas, OWN, budget, layout, weight(percent))
            .map(|split| (split.stable, split.canary, split.parks))
    }

    #[test]
    fn ten_percent_of_ten_is_one_of_twelve_with_surge_and_one_of_ten_without() {
        assert_eq!(split(10, Layout::Auto, 10.0), Some((11, 1, true)));
        assert_eq!(split(10, Layout::Replace, 10.0), Some((9, 1, true)));
    }

    #[test]
    fn what_is_not_tried_is_not_nearer() {
        for replicas in 3..40 {
            for budget in [1, 2, (replicas + 3) / 4, replicas] {
                for percent in [0.1, 1.0, 10.0, 25.0, 33.0, 40.0, 50.0, 75.0, 99.0] {
                    let all = (1..replicas)
                        .flat_map(|canary| widened(made(replicas, OWN, canary), budget));
                    assert_eq!(
                        surged_nearest(replicas, OWN, budget, weight(percent)),
                        nearest(all, weight(percent)),
                        "{replicas} {budget} {percent}"
                    );
                }
            }
        }
    }

    #[test]
    fn surge_gives_way_where_it_is_more_than_half_a_pod_off() {
        assert_eq!(split(10, Layout::Auto, 20.0), Some((11, 2, true)));
        assert_eq!(split(10, Layout::Auto, 30.0), Some((7, 3, true)));
        assert_eq!(split(10, Layout::Surge, 30.0), Some((11, 2, true)));
    }

    #[test]
    fn there_is_at_least_one_canary_and_always_fewer_than_stable_pods() {
        for replicas in 3..60 {
            for percent in [0.1, 1.0, 10.0, 25.0, 33.0, 50.0, 75.0, 99.0] {
                for layout in [Layout::Auto, Layout::Replace] {
                    let (stable, canary, parks) = split(replicas, layout, percent).unwrap();
                    assert!(
                        parks && canary >= 1 && canary < stable,
                        "{replicas} {percent}"
                    );
                    assert_ne!(stable, replicas);
                }
            }
        }
    }

    #[test]
    fn without_room_for_surge_it_replaces() {
        assert_eq!(choose(3, OWN, 1, Layout::Surge, weight(10.0)), None);
        assert_eq!(split(3, Layout::Auto, 10.0), Some((2, 1, true)));
    }

    #[test]
    fn one_and_two_replicas_cannot_be_parked() {
        assert_eq!(split(1, Layout::Auto, 10.0), Some((1, 1, false)));
        assert_eq!(split(2, Layout::Auto, 10.0), Some((2, 1, false)));
        assert_eq!(split(2, Layout::Replace, 10.0), None);
        assert_eq!(split(0, Layout::Auto, 10.0), None);
    }
}
