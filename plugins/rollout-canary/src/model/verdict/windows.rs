//! From cumulative counters to what happened between two readings.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which of the two versions a pod runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Arm {
    /// The version that is to be replaced.
    Stable,
    /// The version on trial.
    Canary,
}

/// Counters of one pod at one moment. They only grow, but for a restart of what counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The version the pod runs.
    pub arm: Arm,
    /// What tells the pod from every other, such as its name.
    pub pod: String,
    /// Bad events so far.
    pub bad: f64,
    /// The exposure so far, in the indicator's unit.
    pub total: f64,
    /// How long the pod has been Ready; `None` when it is not.
    pub ready_for: Option<Duration>,
}

/// All pods' counters of one indicator, or why they could not be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The indicator's name.
    pub indicator: String,
    /// One sample per pod, or one sentence why there are none.
    pub samples: Result<Vec<Sample>, String>,
}

/// What was read at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The server's time.
    pub at: Timestamp,
    /// Every indicator that was asked for.
    pub series: Vec<Series>,
    /// What a person should know of how it was read, each one sentence.
    pub notes: Vec<String>,
}

/// Bad events and exposure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// Bad events.
    pub bad: f64,
    /// The exposure, in the indicator's unit.
    pub total: f64,
}

impl Count {
    pub fn add(&mut self, other: Self) {
        self.bad += other.bad;
        self.total += other.total;
    }

    /// Returns bad events per unit of exposure; `None` without exposure.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.bad / self.total)
    }
}

/// What happened in both arms between two readings, warm pods only.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window {
    pub canary: Count,
    pub stable: Count,
    /// How many seconds both arms were seen; 0 when the readings in between failed.
    pub seconds: f64,
    /// How many pods' counters restarted.
    pub resets: usize,
}

/// The last counters of every pod of one indicator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    last: BTreeMap<String, Last>,
    at: Option<Timestamp>,
    blind: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    arm: Arm,
    bad: f64,
    total: f64,
    warm: bool,
}

impl Counters {
    /// Returns of how many pods there are counters.
    pub fn pods(&self) -> usize {
        self.last.len()
    }

    /// Takes in that nothing could be read: what happens until the next reading counts, the time
    /// does not.
    pub fn miss(&mut self) {
        self.blind = true;
    }

    /// Takes in the next counters and returns what happened since the last ones.
    ///
    /// A pod is left out of the window in which it was not warm yet or its counters restarted.
    /// A pod that has been warm stays so: one that restarts all the time would escape otherwise.
    ///
    /// # Errors
    ///
    /// Which pod's counter is not a count (`NaN`, infinite, negative).
    pub fn next(
        &mut self,
        at: Timestamp,
        samples: &[Sample],
        warmup: Duration,
    ) -> Result<Window, String> {
        if let Some(sample) = samples.iter().find(|sample| !is_count(sample)) {
            self.miss();
            return Err(format!(
                "pod {} reports {} of {}, which is not a count",
                sample.pod, sample.bad, sample.total
            ));
        }
        let mut window = Window::default();
        let mut seen = [false; 2];
        let mut next = BTreeMap::new();
        for sample in samples {
            let last = self
                .last
                .get(&sample.pod)
                .filter(|last| last.arm == sample.arm);
            if let Some(last) = last.filter(|last| last.warm) {
                if sample.bad < last.bad || sample.total < last.total {
                    window.resets += 1;
                } else {
                    seen[usize::from(sample.arm == Arm::Canary)] = true;
                    let arm = match sample.arm {
                        Arm::Canary => &mut window.canary,
                        Arm::Stable => &mut window.stable,
                    };
                    arm.add(Count {
                        bad: sample.bad - last.bad,
                        total: sample.total - last.total,
                    });
                }
            }
            let was_warm = last.is_some_and(|last| last.warm);
            let warm = was_warm || sample.ready_for.is_some_and(|ready| ready >= warmup);
            next.insert(
                sample.pod.clone(),
                Last {
                    arm: sample.arm,
                    bad: sample.bad,
                    total: sample.total,
                    warm,
                },
            );
        }
        // A pod that was not read this time keeps its place: it may only have been slow.
        for (pod, last) in std::mem::take(&mut self.last) {
            next.entry(pod).or_insert(last);
        }
        self.last = next;
        let passed = self
            .at
            .map_or(0.0, |last| at.duration_since(last).as_secs_f64());
        if !self.blind && seen == [true, true] {
            window.seconds = passed.max(0.0);
        }
        self.at = Some(at);
        self.blind = false;
        Ok(window)
    }
}

fn is_count(sample: &Sample) -> bool {
    let good = |count: f64| count.is_finite() && count >= 0.0;
    good(sample.bad) && good(sample.total)
}
