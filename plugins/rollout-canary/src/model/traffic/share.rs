//! Which weights give the canary its share.

use crate::model::weight::Weight;

/// The largest weight that the Gateway API allows.
pub const LARGEST: u64 = 1_000_000;

/// How finely a share is divided if there is room: a hundredth of a percent.
const FINE: u64 = 10_000;

/// How far off a share may be: for the sake of the user's own weight, or for want of finer ones.
const NEAR: f64 = 0.005;

/// Returns the share of the extra backend that makes the canary's whole share `wanted`, when its
/// pods alone have `natural` of the requests; 0 when they have enough by themselves.
#[must_use]
pub fn share(wanted: f64, natural: f64) -> f64 {
    if natural >= 1.0 {
        return 0.0;
    }
    ((wanted - natural) / (1.0 - natural)).clamp(0.0, 1.0)
}

/// A share that is smaller is not worth a route's change.
const LEAST: f64 = 0.005;

/// Returns the share of the extra backend that makes the canary's whole share `wanted`; `None` when
/// its pods have enough by themselves.
#[must_use]
pub fn extra(wanted: Weight, natural: f64) -> Option<f64> {
    Some(share(wanted.fraction(), natural)).filter(|extra| *extra >= LEAST)
}

/// Says whether the pods alone have so much more than was wanted that it is worth a word.
#[must_use]
pub fn is_more(by_pods: Weight, wanted: Weight) -> bool {
    by_pods.fraction() - wanted.fraction() > LEAST
}

/// Returns the canary's whole share, when the extra backend has `extra` of the requests.
#[must_use]
pub fn effective(extra: f64, natural: f64) -> f64 {
    extra + (1.0 - extra) * natural
}

/// The weights of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weights {
    /// Those of the backends that are there already, in their order; `None` leaves one as it is.
    pub own: Vec<Option<u64>>,
    /// That of the extra backend.
    pub extra: u64,
}

/// Returns weights with which the extra backend takes `share` of what backend `index` had, and every
/// other backend keeps its part.
///
/// `current` are the weights as they count: 1 where none is given. The user's weights stay as they
/// are when that comes near enough and there is no other backend whose part would shrink. `None`
/// when no weights within the allowed range would do.
#[must_use]
pub fn weights(current: &[u64], index: usize, share: f64) -> Option<Weights> {
    let own = *current.get(index)?;
    // With a weight of 0 it has no requests to share.
    if own == 0 || !(0.0..1.0).contains(&share) {
        return None;
    }
    let alone = current
        .iter()
        .enumerate()
        .all(|(other, weight)| other == index || *weight == 0);
    if alone {
        let extra = round(share / (1.0 - share) * own as f64);
        let reached = extra as f64 / (extra + own) as f64;
        if extra > 0 && extra <= LARGEST && (reached - share).abs() <= NEAR {
            return Some(Weights {
                own: vec![None; current.len()],
                extra,
            });
        }
    }
    let largest = current.iter().copied().max()?;
    let factor = FINE.div_ceil(own).min(LARGEST / largest).max(1);
    let whole = own * factor;
    let extra = round(share * whole as f64);
    let reached = extra as f64 / whole as f64;
    if extra == 0 || extra == whole || (reached - share).abs() > NEAR {
        return None;
    }
    let mut scaled: Vec<u64> = current.iter().map(|weight| weight * factor).collect();
    scaled[index] = whole - extra;
    let divisor = scaled
        .iter()
        .fold(extra, |sum, weight| common(sum, *weight));
    Some(Weights {
        own: scaled
            .iter()
            .zip(current)
            .map(|(new, old)| Some(new / divisor).filter(|new| new != old))
            .collect(),
        extra: extra / divisor,
    })
}

fn common(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common(b, a % b) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "weights are not negative, and `as` stops at the largest number"
)]
fn round(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of every backend, the extra one last.
    fn shares(current: &[u64], weights: &Weights) -> Vec<f64> {
        let own = current.iter().zip(&weights.own);
        let mut all: Vec<f64> = own.map(|(old, new)| new.unwrap_or(*old) as f64).collect();
        all.push(weights.extra as f64);
        let sum: f64 = all.iter().sum();
        all.iter().map(|weight| weight / sum).collect()
    }

    #[test]
    fn the_extra_share_makes_up_for_what_the_pods_do_not_have() {
        // One of ten pods is 10 %; for 30 % two ninths more.
        let extra = share(0.30, 0.10);
        assert!((extra - 2.0 / 9.0).abs() < 1e-12);
        assert!((effective(extra, 0.10) - 0.30).abs() < 1e-12);
        assert_eq!(share(0.10, 0.10), 0.0);
        assert_eq!(share(0.05, 0.10), 0.0, "never less than the pods have");
        assert_eq!(share(0.5, 1.0), 0.0);
    }

    #[test]
    fn a_backend_without_a_weight_gets_one_that_is_easy_to_read() {
        let weights = weights(&[1], 0, 0.1).unwrap();
        assert_eq!((weights.own, weights.extra), (vec![Some(9)], 1));
    }

    #[test]
    fn a_weight_that_is_fine_enough_stays_the_users() {
        let weights = weights(&[900], 0, 0.1).unwrap();
        assert_eq!((weights.own, weights.extra), (vec![None], 100));
    }

    #[test]
    fn other_backends_keep_their_part_and_the_share_is_exact() {
        for current in [
            vec![3, 7],
            vec![1, 1, 0],
            vec![1_000_000, 1],
            vec![50, 999_999],
        ] {
            for share in [0.01, 0.1, 2.0 / 9.0, 0.5, 0.9] {
                let sum: u64 = current.iter().sum();
                let before = current[0] as f64 / sum as f64;
                let Some(found) = weights(&current, 0, share) else {
                    assert!(current[0] == 50 && share < 0.02, "{current:?} {share}");
                    continue;
                };
                let after = shares(&current, &found);
                assert!(found.extra <= LARGEST);
                assert!(
                    (after[current.len()] - before * share).abs() < 0.01 * before,
                    "{current:?} {share} {after:?}"
                );
                for (other, weight) in current.iter().enumerate().skip(1) {
                    let part = *weight as f64 / sum as f64;
                    assert!((after[other] - part).abs() < 1e-9, "{current:?} {after:?}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_expressed_is_not_approximated() {
        assert_eq!(
            weights(&[1, 1_000_000], 0, 0.1),
            None,
            "no finer weight is allowed"
        );
        assert_eq!(weights(&[0, 1], 0, 0.1), None, "it has no requests");
        assert_eq!(
            weights(&[1], 0, 1.0),
            None,
            "the user's backend keeps something"
        );
        assert_eq!(weights(&[1], 0, 0.0), None);
        assert_eq!(weights(&[1], 1, 0.1), None);
    }
}
