//! How often the verdict is wrong and how soon it is right, in seeded simulations.
//!
//! One run is half an hour of looking every five seconds, at nineteen stable pods and one canary.

use fastrand::Rng;

use crate::model::verdict::evidence::Evidence;

const RUNS: u64 = 2000;

const STEP: f64 = 5.0;

const HALF_AN_HOUR: u32 = 360;

const ALPHA: f64 = 0.05;

const STABLE: f64 = 19.0;

/// A rollout under load; rates are per second, shares of requests.
#[derive(Clone, Copy)]
struct World {
    /// Requests per second of the canary; stable gets [`STABLE`] times as many.
    canary_rate: f64,
    /// The share of requests that fail on stable.
    failing: f64,
    /// How many times worse the canary is.
    worse: f64,
    /// How much the share swings over ten minutes, for both arms alike.
    swing: f64,
}

/// A Poisson count by Knuth's method; the means here are small.
fn poisson(rng: &mut Rng, mean: f64) -> f64 {
    let (mut count, mut product, limit) = (0.0, rng.f64(), (-mean).exp());
    while product > limit {
        count += 1.0;
        product *= rng.f64();
    }
    count
}

/// A count of failures among so many requests.
fn binomial(rng: &mut Rng, of: f64, probability: f64) -> f64 {
    let (mut count, mut left) = (0.0, of);
    while left > 0.0 {
        count += f64::from(u8::from(rng.f64() < probability));
        left -= 1.0;
    }
    count
}

impl World {
    /// Looks after every step; returns the time of the abort in seconds.
    fn abort(self, seed: u64, tolerate: f64) -> Option<f64> {
        let mut rng = Rng::with_seed(seed);
        let mut evidence = Evidence::default();
        (1..=HALF_AN_HOUR).find_map(|step| {
            let time = f64::from(step) * STEP;
            let failing =
                self.failing * (1.0 + self.swing * (time / 600.0 * std::f64::consts::TAU).sin());
            let (canary, stable) = (self.canary_rate * STEP, STABLE * self.canary_rate * STEP);
            // Rare failures are Poisson counts; frequent ones are drawn request by request.
            let mut draw = |of: f64, share: f64| match share < 0.1 {
                true => poisson(&mut rng, of * share),
                false => binomial(&mut rng, of, share.min(1.0)),
            };
            let bad = draw(canary, failing * self.worse);
            let stable_bad = draw(stable, failing);
            evidence.add(tolerate, (bad, canary), (stable_bad, stable));
            (evidence.log() >= (1.0 / ALPHA).ln()).then_some(time)
        })
    }

    /// Returns the share of runs that were aborted, and the median time of all runs in seconds;
    /// one that was not aborted counts as endless.
    fn aborted(self, runs: u64, tolerate: f64) -> (f64, f64) {
        let mut times: Vec<f64> = (0..runs)
            .map(|seed| self.abort(seed, tolerate).unwrap_or(f64::INFINITY))
            .collect();
        times.sort_by(f64::total_cmp);
        let count = times.iter().filter(|time| time.is_finite()).count();
        let share = count as f64 / runs as f64;
        (share, times[times.len() / 2])
    }
}

const QUIET: World = World {
    canary_rate: 0.3,
    failing: 0.001,
    worse: 1.0,
    swing: 0.0,
};

#[test]
fn a_healthy_canary_is_aborted_with_probability_alpha_at_most_however_often_one_looks() {
    let worlds = [
        QUIET,
        World {
            failing: 0.02,
            ..QUIET
        },
        World {
            canary_rate: 0.4,
            failing: 0.3,
            swing: 0.5,
            ..QUIET
        },
    ];
    for (number, world) in worlds.into_iter().enumerate() {
        let (share, _) = world.aborted(RUNS, 1.0);
        assert!(share <= ALPHA, "world {number}: {share}");
    }
}

#[test]
fn a_canary_twice_as_bad_is_let_live_when_twice_is_tolerated() {
    let world = World {
        failing: 0.02,
        worse: 2.0,
        ..QUIET
    };
    let (share, _) = world.aborted(RUNS / 4, 2.0);
    assert!(share <= ALPHA, "{share}");
    let (share, _) = world.aborted(RUNS / 4, 1.0);
    assert!(share > ALPHA, "{share}");
}

#[test]
fn ten_times_as_bad_is_found_within_half_an_hour_at_one_request_in_three_seconds() {
    let (share, median) = World {
        worse: 10.0,
        ..QUIET
    }
    .aborted(RUNS, 1.0);
    assert!(share >= 0.75, "{share}");
    assert!(median <= 14.0 * 60.0, "{median}");
}

#[test]
fn fifty_times_as_bad_is_found_within_minutes() {
    let (share, median) = World {
        worse: 50.0,
        ..QUIET
    }
    .aborted(RUNS, 1.0);
    assert!(share >= 0.99 && median <= 3.0 * 60.0, "{share} {median}");
}

#[test]
fn ten_times_as_bad_is_found_within_two_minutes_at_five_requests_per_second() {
    let (share, median) = World {
        worse: 10.0,
        canary_rate: 5.0,
        ..QUIET
    }
    .aborted(RUNS / 10, 1.0);
    assert!(share >= 0.99 && median <= 2.0 * 60.0, "{share} {median}");
}
