//! Shares, weights and numbers of pods: read at the door, shown here, and nowhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A share of the pods or of the requests, in hundredths of a percent: from nothing to all.
///
/// In documents it is a number of percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "f64", try_from = "f64")]
pub struct Weight(u16);

impl Weight {
    /// Everything.
    pub const ALL: Self = Self(10_000);

    /// Returns so many percent, and never more than everything.
    #[must_use]
    pub const fn percent(percent: u16) -> Self {
        Self::hundredths(percent.saturating_mul(100))
    }

    /// Returns so many hundredths of a percent, and never more than everything.
    #[must_use]
    pub const fn hundredths(hundredths: u16) -> Self {
        if hundredths < Self::ALL.0 {
            Self(hundredths)
        } else {
            Self::ALL
        }
    }

    /// Returns the weight that is nearest to a fraction of 1.
    #[must_use]
    pub fn nearest(fraction: f64) -> Self {
        let hundredths = (fraction * 10_000.0).round().clamp(0.0, 10_000.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a whole number from 0 to 10,000"
        )]
        Self(hundredths as u16)
    }

    /// Returns how many of all are a part of them; nothing of nothing is nothing.
    #[must_use]
    pub fn of(part: i32, all: i32) -> Self {
        Self::nearest(f64::from(part) / f64::from(all.max(1)))
    }

    /// Returns the fraction of 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// Returns what is left of everything.
    #[must_use]
    pub fn rest(self) -> Self {
        Self(10_000 - self.0)
    }

    /// Returns the sum, and never more than everything.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self((self.0 + other.0).min(10_000))
    }

    /// Reads `10%` or `10`, from nothing to all.
    fn any(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let percent: f64 = number
            .parse()
            .map_err(|_| "a weight is a percentage such as 10%".to_owned())?;
        Self::try_from(percent)
    }
}

impl From<Weight> for f64 {
    fn from(weight: Weight) -> Self {
        Self::from(weight.0) / 100.0
    }
}

impl TryFrom<f64> for Weight {
    type Error = String;

    fn try_from(percent: f64) -> Result<Self, String> {
        if !(0.0..=100.0).contains(&percent) {
            return Err("a weight is a percentage from 0% to 100%".to_owned());
        }
        let weight = Self::nearest(percent / 100.0);
        if (Self::fraction(weight) * 100.0 - percent).abs() < 1e-6 {
            Ok(weight)
        } else {
            Err("a weight has at most two decimals, such as 12.5% or 0.25%".to_owned())
        }
    }
}

impl FromStr for Weight {
    type Err = String;

    /// Reads `10%` or `10`: more than nothing, and less than everything.
    fn from_str(text: &str) -> Result<Self, String> {
        match Self::any(text)? {
            Self(0) => Err("a weight is more than 0%; to roll a canary back:  \
                            kubectl rollout-canary abort NAME"
                .to_owned()),
            Self::ALL => {
                Err("100% is a promotion:  kubectl rollout-canary promote NAME".to_owned())
            }
            weight => Ok(weight),
        }
    }
}

impl fmt::Display for Weight {
    /// Shows at most one decimal: `8.3%`, `10%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 + 5) / 10;
        match (tenths / 10, tenths % 10) {
            (whole, 0) => f.pad(&format!("{whole}%")),
            (whole, tenth) => f.pad(&format!("{whole}.{tenth}%")),
        }
    }
}

/// Weights in ascending order; the last may be everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<Weight>", try_from = "Vec<Weight>")]
pub struct Weights {
    first: Weight,
    later: Vec<Weight>,
}

impl Weights {
    /// Returns the first.
    #[must_use]
    pub fn first(&self) -> Weight {
        self.first
    }

    /// Returns all of them.
    pub fn iter(&self) -> impl Iterator<Item = Weight> {
        std::iter::once(self.first).chain(self.later.iter().copied())
    }

    /// Returns how many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.later.len() + 1
    }

    /// Returns the weight after that of an index, if it is less than everything.
    #[must_use]
    pub fn after(&self, index: usize) -> Option<Weight> {
        let next = self.later.get(index).copied();
        next.filter(|weight| *weight < Weight::ALL)
    }
}

impl From<Weight> for Weights {
    fn from(first: Weight) -> Self {
        Self {
            first,
            later: Vec::new(),
        }
    }
}

impl From<Weights> for Vec<Weight> {
    fn from(weights: Weights) -> Self {
        weights.iter().collect()
    }
}

impl TryFrom<Vec<Weight>> for Weights {
    type Error = String;

    fn try_from(weights: Vec<Weight>) -> Result<Self, String> {
        let ascends = weights.is_sorted_by(|one, next| one < next);
        match weights.split_first() {
            Some((Weight(0), _)) => Err("a weight is more than 0%".to_owned()),
            Some((&Weight::ALL, _)) => {
                Err("a rollout begins with less than 100%, as in 10,100".to_owned())
            }
            Some((first, later)) if ascends => Ok(Self {
                first: *first,
                later: later.to_vec(),
            }),
            _ => Err("the weights of a rollout ascend, as in 10,25,50,100".to_owned()),
        }
    }
}

impl FromStr for Weights {
    type Err = String;

    /// Reads `10,25,50,100`.
    fn from_str(text: &str) -> Result<Self, String> {
        let weights = text.split(',').map(|part| Weight::any(part.trim()));
        Self::try_from(weights.collect::<Result<Vec<_>, _>>()?)
    }
}

/// A number of pods, absolute or in percent of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surge {
    /// So many.
    Pods(i32),
    /// So many percent, rounded up.
    Percent(i32),
}

impl Surge {
    /// Returns the number of pods.
    #[must_use]
    pub fn pods(self, replicas: i32) -> i32 {
        match self {
            Self::Pods(pods) => pods,
            Self::Percent(percent) => {
                let pods = (i64::from(percent) * i64::from(replicas) + 99) / 100;
                i32::try_from(pods).unwrap_or(i32::MAX)
            }
        }
    }
}

impl FromStr for Surge {
    type Err = String;

    /// Reads `3` or `25%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, make): (&str, fn(i32) -> Self) = match text.strip_suffix('%') {
            Some(number) => (number, Self::Percent),
            None => (text, Self::Pods),
        };
        match number.parse() {
            Ok(number @ 1..=10_000) => Ok(make(number)),
            _ => Err("a surge is a number of pods or a percentage, at least 1".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(text: &str) -> Result<Weight, String> {
        text.parse()
    }

    fn weights(text: &str) -> Result<Vec<Weight>, String> {
        text.parse().map(|weights: Weights| weights.into())
    }

    fn surge(text: &str) -> Result<Surge, String> {
        text.parse()
    }

    #[test]
    fn a_weight_is_more_than_nothing_and_less_than_everything() {
        assert_eq!(weight("10%"), Ok(Weight::percent(10)));
        assert_eq!(weight("2.5"), Ok(Weight(250)));
        for text in ["0", "0%", "-1", "100%", "101", "x", "", "NaN", "inf"] {
            assert!(weight(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_weight_has_two_decimals_and_is_shown_with_one() {
        for (text, shown) in [
            ("10%", "10%"),
            ("8.33", "8.3%"),
            ("0.25%", "0.3%"),
            ("99.99", "100%"),
        ] {
            assert_eq!(
                weight(text).map(|weight| weight.to_string()),
                Ok(shown.into())
            );
        }
        assert!(weight("0.001%").is_err() && weight("33.333").is_err());
        assert_eq!(Weight::of(1, 12).to_string(), "8.3%");
    }

    #[test]
    fn in_documents_a_weight_is_a_number_of_percent() {
        let text = serde_json::to_string(&Weight::of(1, 12)).unwrap();
        assert_eq!(text, "8.33");
        assert_eq!(
            serde_json::from_str::<Weight>("10.0").unwrap(),
            Weight::percent(10)
        );
        for wrong in ["-1.0", "100.5", "\"10\""] {
            assert!(serde_json::from_str::<Weight>(wrong).is_err(), "{wrong}");
        }
        let text = serde_json::to_string(&"10,100".parse::<Weights>().unwrap()).unwrap();
        assert_eq!(text, "[10.0,100.0]");
        assert!(serde_json::from_str::<Weights>("[]").is_err());
    }

    #[test]
    fn weights_ascend_and_may_end_with_everything() {
        let percent = |all: &[u16]| all.iter().map(|one| Weight::percent(*one)).collect();
        assert_eq!(weights("10,25%, 50,100"), Ok(percent(&[10, 25, 50, 100])));
        assert_eq!(weights("5"), Ok(percent(&[5])));
        for text in ["", "100", "25,10", "10,10", "100,10", "10,,25", "0,10"] {
            assert!(weights(text).is_err(), "{text}");
        }
        let rollout: Weights = "10,25,100".parse().unwrap();
        assert_eq!(rollout.after(0), Some(Weight::percent(25)));
        assert_eq!((rollout.after(1), rollout.after(2)), (None, None));
    }

    #[test]
    fn a_surge_is_pods_or_percent_rounded_up() {
        assert_eq!(surge("3").map(|surge| surge.pods(10)), Ok(3));
        assert_eq!(surge("25%").map(|surge| surge.pods(10)), Ok(3));
        assert!(surge("0").is_err() && surge("").is_err());
    }
}
