//! The e-process: how strongly counts speak against the canary.

use serde::{Deserialize, Serialize};

/// How many times worse than tolerated the alternatives are; none of them is guessed to be the
/// true one, and each has the same weight.
pub const RATIOS: [f64; 6] = [1.5, 2.0, 3.0, 5.0, 10.0, 30.0];

/// The logarithm of a mixture of likelihood ratios, grown window by window.
///
/// In one window the canary had `x` bad events on an exposure of `m`, stable `y` on `n`. Given
/// `x + y`, the canary's part is binomial with probability at most `q = ρm / (ρm + n)` as long as
/// its rate is at most `ρ` times stable's. Against a rate `r` times as high (`q' = rρm / (rρm + n)`)
/// the likelihood ratio is `(q'/q)^x · ((1−q')/(1−q))^y` (Lindon and Malek, arXiv 2011.03567).
///
/// For requests that fail with probability `p` (canary, at most `ρs`) and `s` (stable), its
/// expectation is `(1 + p(a−1))^m · (1 + s(b−1))^n` with `a = q'/q`, `b = (1−q')/(1−q)`, which is at
/// most `exp(s(ρm(a−1) + n(b−1)))`; the exponent is `s(ρm+n)(q'−q + q−q') = 0`. So the product over
/// windows is a supermartingale there too, whatever `s` does from window to window, and by Ville's
/// inequality it reaches `1/α` with probability at most `α`.
///
/// What it does not survive is events that come in bunches by one cause, such as a burst of
/// retries: those have to be counted once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    logs: [f64; RATIOS.len()],
}

impl Evidence {
    /// Takes in one window. One without exposure in either arm says nothing.
    pub fn add(&mut self, tolerate: f64, canary: (f64, f64), stable: (f64, f64)) {
        let ((bad, exposure), (stable_bad, stable_exposure)) = (canary, stable);
        if exposure <= 0.0 || stable_exposure <= 0.0 || bad + stable_bad <= 0.0 {
            return;
        }
        let odds = tolerate * exposure / stable_exposure;
        for (log, ratio) in self.logs.iter_mut().zip(RATIOS) {
            // With q = odds/(1+odds): q'/q = r(1+odds)/(1+r·odds), and (1−q')/(1−q) without r.
            let down = ((1.0 + odds) / ratio.mul_add(odds, 1.0)).ln();
            *log += bad * (ratio.ln() + down) + stable_bad * down;
        }
    }

    /// Returns the natural logarithm of `E`.
    #[must_use]
    pub fn log(&self) -> f64 {
        // Shifted by the largest: an e-value of a bad canary soon leaves the range of numbers.
        let largest = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.logs.iter().map(|log| (log - largest).exp()).sum();
        largest + (sum / RATIOS.len() as f64).ln()
    }
}
