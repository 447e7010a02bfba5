//! Bounds of rates, from exact distributions.

use statrs::distribution::{Beta, Binomial, ContinuousCDF, DiscreteCDF, Gamma, Poisson};

use crate::model::verdict::settings::Unit;

/// Says whether, with confidence `1 − alpha`, the true rate is below `limit`: were it `limit`,
/// so few bad events would be seen with probability `alpha` at most.
///
/// For requests by the binomial (with none bad: 299 requests for 1 %, 2995 for 0.1 %), for
/// pod-seconds by the Poisson distribution.
#[must_use]
pub fn is_below(unit: Unit, bad: f64, exposure: f64, limit: f64, alpha: f64) -> bool {
    if exposure <= 0.0 || limit <= 0.0 {
        return false;
    }
    let (bad, few) = (whole(bad.ceil()), |probability: f64| probability <= alpha);
    match unit {
        Unit::Requests if limit >= 1.0 => true,
        Unit::Requests => {
            Binomial::new(limit, whole(exposure.floor())).is_ok_and(|of| few(of.cdf(bad)))
        }
        Unit::PodSeconds => Poisson::new(limit * exposure).is_ok_and(|of| few(of.cdf(bad))),
    }
}

/// Returns the upper bound of the rate with confidence `1 − alpha` (Clopper and Pearson; Garwood);
/// `None` without exposure.
#[must_use]
pub fn upper(unit: Unit, bad: f64, exposure: f64, alpha: f64) -> Option<f64> {
    if exposure <= 0.0 {
        return None;
    }
    match unit {
        Unit::Requests if bad >= exposure => Some(1.0),
        Unit::Requests => {
            let of = Beta::new(bad + 1.0, exposure - bad).ok()?;
            Some(of.inverse_cdf(1.0 - alpha))
        }
        Unit::PodSeconds => {
            let of = Gamma::new(bad + 1.0, 1.0).ok()?;
            Some(of.inverse_cdf(1.0 - alpha) / exposure)
        }
    }
}

/// Returns the lower bound of the rate with confidence `1 − alpha`; `None` without exposure.
#[must_use]
pub fn lower(unit: Unit, bad: f64, exposure: f64, alpha: f64) -> Option<f64> {
    if exposure <= 0.0 {
        return None;
    }
    if bad <= 0.0 {
        return Some(0.0);
    }
    match unit {
        Unit::Requests => {
            let of = Beta::new(bad, (exposure - bad).max(0.0) + 1.0).ok()?;
            Some(of.inverse_cdf(alpha))
        }
        Unit::PodSeconds => {
            let of = Gamma::new(bad, 1.0).ok()?;
            Some(of.inverse_cdf(alpha) / exposure)
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are not negative, and `as` stops at the largest number"
)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHA: f64 = 0.05;

    fn close(found: Option<f64>, expected: f64) {
        let found = found.unwrap();
        assert!(
            (found - expected).abs() < 1e-3 * expected,
            "{found} is not {expected}"
        );
    }

    #[test]
    fn without_a_failure_299_requests_prove_one_per_cent_and_2995_a_tenth_of_it() {
        let proven = |requests, limit| is_below(Unit::Requests, 0.0, requests, limit, ALPHA);
        assert!(!proven(298.0, 0.01) && proven(299.0, 0.01));
        assert!(!proven(2994.0, 0.001) && proven(2995.0, 0.001));
    }

    #[test]
    fn bounds_are_those_of_the_tables() {
        // Clopper–Pearson, one-sided 95 %: 5 of 100 → 0.0199 … 0.1023.
        close(upper(Unit::Requests, 5.0, 100.0, ALPHA), 0.102_25);
        close(lower(Unit::Requests, 5.0, 100.0, ALPHA), 0.019_91);
        // Garwood, one-sided 95 %: 0 → 2.996; 3 → 0.8177 … 7.754.
        close(upper(Unit::PodSeconds, 0.0, 1.0, ALPHA), 2.9957);
        close(upper(Unit::PodSeconds, 3.0, 1.0, ALPHA), 7.7537);
        close(lower(Unit::PodSeconds, 3.0, 1.0, ALPHA), 0.8177);
    }

    #[test]
    fn a_bound_agrees_with_the_test_on_either_side_of_it() {
        for unit in [Unit::Requests, Unit::PodSeconds] {
            for (bad, exposure) in [(0.0, 50.0), (3.0, 400.0), (40.0, 5000.0)] {
                let bound = upper(unit, bad, exposure, ALPHA).unwrap();
                assert!(is_below(unit, bad, exposure, bound * 1.001, ALPHA));
                assert!(!is_below(unit, bad, exposure, bound * 0.999, ALPHA));
            }
        }
    }

    #[test]
    fn nothing_seen_bounds_nothing() {
        assert_eq!(upper(Unit::Requests, 0.0, 0.0, ALPHA), None);
        assert!(!is_below(Unit::Requests, 0.0, 0.0, 0.5, ALPHA));
        assert_eq!(upper(Unit::Requests, 7.0, 7.0, ALPHA), Some(1.0));
    }
}
