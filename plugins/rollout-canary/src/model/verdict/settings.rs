//! What is asked of a canary.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an indicator's exposure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Requests, each of which is bad or not.
    Requests,
    /// Seconds that pods ran, in which bad events happen.
    PodSeconds,
}

/// One thing that is counted in both arms.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Indicator {
    /// What it is called in reports, such as `restarts`.
    pub name: String,
    /// What its exposure is measured in.
    pub unit: Unit,
}

impl Indicator {
    /// Returns an indicator.
    #[must_use]
    pub fn new(name: impl Into<String>, unit: Unit) -> Self {
        Self {
            name: name.into(),
            unit,
        }
    }
}

/// How sure to be, and of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The accepted probability of aborting a canary that is not worse (`--alpha`), over all
    /// indicators together.
    pub alpha: f64,
    /// How many times worse than stable still counts as not worse (`--tolerate`), at least 1.
    pub tolerate: f64,
    /// By how much the canary's share of failed requests may exceed the stable one (`--slo`).
    pub margin: f64,
    /// By how many bad events per pod and hour the canary may exceed stable.
    pub events_per_hour: f64,
    /// For how long both arms have to be seen before the canary can be good.
    pub soak: Duration,
    /// How long a pod's counts are left out after it became Ready (`--warmup`).
    pub warmup: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            alpha: 0.05,
            tolerate: 1.0,
            margin: 0.01,
            events_per_hour: 1.0,
            soak: Duration::from_secs(600),
            warmup: Duration::from_secs(60),
        }
    }
}

impl Settings {
    /// Returns how much worse an indicator may be, per unit of its exposure.
    pub fn margin_of(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Requests => self.margin,
            Unit::PodSeconds => self.events_per_hour / 3600.0,
        }
    }

    /// Says what is wrong with the settings, if anything, by the name of its flag.
    ///
    /// # Errors
    ///
    /// One sentence without a full stop.
    pub fn check(&self) -> Result<(), String> {
        let within = |value: f64| value > 0.0 && value < 1.0;
        if !within(self.alpha) {
            return Err(format!("--alpha {} is not between 0 and 1", self.alpha));
        }
        if !(self.tolerate >= 1.0 && self.tolerate.is_finite()) {
            return Err(format!("--tolerate {} is not 1 or more", self.tolerate));
        }
        if !within(self.margin) {
            return Err(format!("--slo {} is not between 0% and 100%", self.margin));
        }
        if !(self.events_per_hour > 0.0 && self.events_per_hour.is_finite()) {
            return Err(format!(
                "{} events per hour is not more than 0",
                self.events_per_hour
            ));
        }
        Ok(())
    }
}
