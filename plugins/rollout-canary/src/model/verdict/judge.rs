//! The conclusion from all indicators.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::verdict::bound;
use crate::model::verdict::evidence::Evidence;
use crate::model::verdict::longer::Longer;
use crate::model::verdict::settings::{Indicator, Settings, Unit};
use crate::model::verdict::windows::{Arm, Count, Counters, Reading, Window};

/// How many seconds back "the present rate" reaches.
const PRESENT: f64 = 300.0;

/// What is known of a canary so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    settings: Settings,
    indicators: Vec<State>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct State {
    indicator: Indicator,
    counters: Counters,
    evidence: Evidence,
    /// The largest that the logarithm of `E` ever was.
    highest: f64,
    canary: Count,
    stable: Count,
    /// Seconds during which both arms were seen.
    observed: f64,
    /// Seconds and the canary's exposure of the last windows.
    recent: VecDeque<(f64, f64)>,
    readings: u64,
    resets: usize,
    /// Why the last reading gave nothing.
    unreadable: Option<String>,
}

/// What is to be done with a canary.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "decision", rename_all = "camelCase")]
pub enum Decision {
    /// It is worse than stable.
    Bad {
        /// The indicators that say so.
        indicators: Vec<String>,
    },
    /// It was seen long and often enough, and is not worse.
    Good,
    /// Neither can be said.
    Undecided {
        /// How much longer it takes.
        #[serde(rename = "longerSeconds")]
        longer: Longer,
    },
}

/// Why an indicator has no conclusion.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "camelCase")]
pub enum Reason {
    /// There was no reading yet.
    NotRead,
    /// The last reading gave nothing.
    Unreadable {
        /// Why, in one sentence.
        why: String,
    },
    /// An arm had nothing that could have gone wrong.
    NoTraffic {
        /// Which arm.
        arm: Arm,
    },
    /// The soak time is not over.
    Soaking {
        /// Seconds that both arms have been seen.
        seconds: f64,
        /// Seconds that are wanted.
        of: f64,
    },
    /// What was seen is too little to rule out that the canary is worse.
    TooLittle {
        /// The canary's exposure so far.
        seen: f64,
        /// The indicator's unit.
        unit: Unit,
    },
    /// The counts speak against the canary, though not yet strongly enough.
    Suspicious {
        /// The e-value.
        e: f64,
        /// The e-value at which the canary is bad.
        of: f64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRead => f.write_str("not read yet"),
            Self::Unreadable { why } => f.write_str(why),
            Self::NoTraffic { arm: Arm::Canary } => f.write_str("the canary has no traffic"),
            Self::NoTraffic { arm: Arm::Stable } => {
                f.write_str("the stable pods have no traffic to compare with")
            }
            Self::Soaking { seconds, of } => {
                write!(f, "seen for {seconds:.0}s of the {of:.0}s soak time")
            }
            Self::TooLittle {
                seen,
                unit: Unit::Requests,
            } => write!(f, "{seen:.0} requests are too few"),
            Self::TooLittle {
                seen,
                unit: Unit::PodSeconds,
            } => write!(f, "{seen:.0}s of running pods are too little"),
            Self::Suspicious { e, of } => write!(
                f,
                "the counts are against the canary (E {e:.1}, bad at {of:.0})"
            ),
        }
    }
}

/// What one indicator says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The indicator.
    pub indicator: Indicator,
    /// The canary's counts since it was warm.
    pub canary: Count,
    /// The stable pods' counts over the same windows.
    pub stable: Count,
    /// The e-value: how strongly the counts speak against the canary; 1 is not at all. It is
    /// `f64::MAX` when it is larger than a number can be.
    pub e: f64,
    /// The e-value from which on the canary is bad: the number of indicators by alpha.
    pub bad_at: f64,
    /// The upper bound of the canary's rate.
    pub upper: Option<f64>,
    /// What the upper bound has to stay below.
    pub limit: Option<f64>,
    /// How many times a pod's counters restarted.
    pub resets: usize,
    /// Whether the canary is worse by this indicator.
    pub bad: bool,
    /// Why there is no conclusion; empty when there is one.
    pub open: Vec<Reason>,
}

/// A conclusion and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The conclusion.
    #[serde(flatten)]
    pub decision: Decision,
    /// Every indicator, in the order of the judge's.
    pub indicators: Vec<Finding>,
}

impl Default for Verdict {
    fn default() -> Self {
        Self {
            decision: Decision::Undecided {
                longer: Longer::Unknown,
            },
            indicators: Vec::new(),
        }
    }
}

impl Judge {
    /// Returns a judge who has seen nothing. The indicators are fixed from here on: alpha is
    /// shared out among them.
    #[must_use]
    pub fn new(settings: Settings, indicators: Vec<Indicator>) -> Self {
        let indicators = indicators.into_iter().map(State::new).collect();
        Self {
            settings,
            indicators,
        }
    }

    /// Says whether this judge was asked the same; for how long to look may differ.
    #[must_use]
    pub fn is_for(&self, settings: &Settings, indicators: &[Indicator]) -> bool {
        let settings = Settings {
            soak: self.settings.soak,
            ..settings.clone()
        };
        let own = self.indicators.iter().map(|state| &state.indicator);
        settings == self.settings && own.eq(indicators)
    }

    /// Begins to look at another weight: the soak time starts again, and what was counted stays. The
    /// test may be looked at for as long as one likes, so weights need no levels of their own.
    pub fn begin(&mut self, soak: Duration) {
        self.settings.soak = soak;
        for state in &mut self.indicators {
            state.observed = 0.0;
        }
    }

    /// Returns the settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the same without the counters of single pods when there are more than `most` pods:
    /// what happens until the next reading is not counted then.
    #[must_use]
    pub fn at_most(&self, most: usize) -> Self {
        let mut judge = self.clone();
        for state in &mut judge.indicators {
            if state.counters.pods() > most {
                state.counters = Counters::default();
            }
        }
        judge
    }

    /// Takes in a reading. An indicator that is not in it was not read; series of unknown
    /// indicators are passed over.
    pub fn observe(&mut self, reading: &Reading) {
        for state in &mut self.indicators {
            let name = &state.indicator.name;
            let series = reading
                .series
                .iter()
                .find(|series| series.indicator == *name);
            let window = match series.map(|series| &series.samples) {
                Some(Ok(samples)) => state
                    .counters
                    .next(reading.at, samples, self.settings.warmup),
                Some(Err(why)) => Err(why.clone()),
                None => Err(format!("{name} was not read")),
            };
            match window {
                Ok(window) => state.take(window, self.settings.tolerate),
                Err(why) => {
                    state.counters.miss();
                    state.unreadable = Some(why);
                }
            }
        }
    }

    /// Returns the conclusion so far.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let mut longer = Longer::About(Duration::ZERO);
        let mut indicators = Vec::new();
        for state in &self.indicators {
            let finding = self.finding(state);
            if !finding.open.is_empty() {
                longer = longer.max(self.longer(state, &finding));
            }
            indicators.push(finding);
        }
        let bad: Vec<String> = indicators
            .iter()
            .filter(|finding| finding.bad)
            .map(|finding| finding.indicator.name.clone())
            .collect();
        let decision = if !bad.is_empty() {
            Decision::Bad { indicators: bad }
        } else if indicators.is_empty() {
            Decision::Undecided {
                longer: Longer::Unknown,
            }
        } else if indicators.iter().all(|finding| finding.open.is_empty()) {
            Decision::Good
        } else {
            Decision::Undecided { longer }
        };
        Verdict {
            decision,
            indicators,
        }
    }

    /// Returns alpha over the number of indicators: together they abort a good canary with
    /// probability alpha at most.
    fn share_of_alpha(&self) -> f64 {
        let count = self.indicators.len().max(1);
        self.settings.alpha / count as f64
    }

    fn finding(&self, state: &State) -> Finding {
        let (unit, alpha) = (state.indicator.unit, self.settings.alpha);
        let bad_at = 1.0 / self.share_of_alpha();
        let bad = state.highest >= bad_at.ln();
        let e = state.evidence.log().exp().min(f64::MAX);
        // The lower bound: a stable rate that is itself badly known excuses nothing.
        let stable = bound::lower(unit, state.stable.bad, state.stable.total, alpha);
        let limit = stable.map(|rate| rate + self.settings.margin_of(unit));
        Finding {
            indicator: state.indicator.clone(),
            canary: state.canary,
            stable: state.stable,
            e,
            bad_at,
            upper: bound::upper(unit, state.canary.bad, state.canary.total, alpha),
            limit,
            resets: state.resets,
            bad,
            open: if bad {
                Vec::new()
            } else {
                self.open(state, limit)
            },
        }
    }

    /// Says what is missing for the canary to be good by one indicator.
    fn open(&self, state: &State, limit: Option<f64>) -> Vec<Reason> {
        if let Some(why) = &state.unreadable {
            return vec![Reason::Unreadable { why: why.clone() }];
        }
        if state.readings == 0 {
            return vec![Reason::NotRead];
        }
        let (mut open, soak) = (Vec::new(), self.settings.soak.as_secs_f64());
        if state.observed < soak {
            open.push(Reason::Soaking {
                seconds: state.observed,
                of: soak,
            });
        }
        for (arm, count) in [(Arm::Canary, state.canary), (Arm::Stable, state.stable)] {
            if count.total <= 0.0 {
                open.push(Reason::NoTraffic { arm });
                return open;
            }
        }
        if !self.is_enough(state, state.canary, limit) {
            let e = state.evidence.log();
            open.push(if e > 0.0 {
                Reason::Suspicious {
                    e: e.exp(),
                    of: 1.0 / self.share_of_alpha(),
                }
            } else {
                Reason::TooLittle {
                    seen: state.canary.total,
                    unit: state.indicator.unit,
                }
            });
        }
        open
    }

    /// Says whether so much of the canary would do: either the exposure after which a clean record
    /// proves the margin, with nothing speaking against the canary, or an upper bound within the
    /// margin.
    ///
    /// Events in pod-seconds need no least exposure beyond the soak time: a margin in events per
    /// hour takes hours to prove.
    fn is_enough(&self, state: &State, canary: Count, limit: Option<f64>) -> bool {
        let (unit, alpha) = (state.indicator.unit, self.settings.alpha);
        let clean = state.evidence.log() <= 0.0;
        let enough = match unit {
            Unit::Requests => bound::is_below(unit, 0.0, canary.total, self.settings.margin, alpha),
            Unit::PodSeconds => canary.total > 0.0,
        };
        (clean && enough)
            || limit
                .is_some_and(|limit| bound::is_below(unit, canary.bad, canary.total, limit, alpha))
    }

    fn longer(&self, state: &State, finding: &Finding) -> Longer {
        let missing = self.settings.soak.as_secs_f64() - state.observed;
        // Time that both arms are seen passes by itself, if they can be seen.
        let soak = match state.unreadable {
            Some(_) => Longer::Unknown,
            None => Longer::until(missing, 1.0),
        };
        if finding.limit.is_none() || state.canary.total <= 0.0 {
            return soak.max(Longer::Unknown);
        }
        let rate = state.present_rate();
        let would_do = |total: f64| {
            let bad = state.canary.rate().unwrap_or_default() * total;
            self.is_enough(state, Count { bad, total }, finding.limit)
        };
        let now = state.canary.total;
        if would_do(now) {
            return soak;
        }
        // Ten million times as much would take longer than anybody waits.
        let Some(high) = (1..24)
            .map(|power| now * 2_f64.powi(power))
            .find(|total| would_do(*total))
        else {
            return Longer::Never;
        };
        let (mut low, mut high) = (high / 2.0, high);
        while high - low > low * 0.01 {
            let middle = low.midpoint(high);
            if would_do(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        soak.max(Longer::until(high - now, rate))
    }
}

impl State {
    fn new(indicator: Indicator) -> Self {
        Self {
            indicator,
            counters: Counters::default(),
            evidence: Evidence::default(),
            highest: 0.0,
            canary: Count::default(),
            stable: Count::default(),
            observed: 0.0,
            recent: VecDeque::new(),
            readings: 0,
            resets: 0,
            unreadable: None,
        }
    }

    fn take(&mut self, window: Window, tolerate: f64) {
        let pair = |count: Count| (count.bad, count.total);
        self.evidence
            .add(tolerate, pair(window.canary), pair(window.stable));
        self.highest = self.highest.max(self.evidence.log());
        self.canary.add(window.canary);
        self.stable.add(window.stable);
        self.observed += window.seconds;
        self.readings += 1;
        self.resets += window.resets;
        self.unreadable = None;
        if window.seconds > 0.0 {
            self.recent.push_back((window.seconds, window.canary.total));
        }
        while self.recent.len() > 1
            && self.recent.iter().map(|(seconds, _)| seconds).sum::<f64>() > PRESENT
        {
            self.recent.pop_front();
        }
    }

    /// Returns the canary's exposure per second of late.
    fn present_rate(&self) -> f64 {
        let (seconds, exposure) = self.recent.iter().fold((0.0, 0.0), |sum, window| {
            (sum.0 + window.0, sum.1 + window.1)
        });
        if seconds > 0.0 {
            exposure / seconds
        } else {
            0.0
        }
    }
}
