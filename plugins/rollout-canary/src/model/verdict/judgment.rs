//! Whether a canary that holds is good: what was asked, and what follows from the verdict.

use std::time::Duration;

use groundcrew::flags::duration::Span;

use crate::model::verdict::judge::{Decision, Finding, Reason, Verdict};
use crate::model::verdict::longer::Longer;
use crate::model::verdict::settings::Unit;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgment {
    /// Go on looking.
    Undecided {
        /// Why, and for how much longer if that is known.
        why: String,
        /// Whether nothing is missing but time.
        waits: bool,
    },
    /// Nothing speaks against it.
    Good,
    /// It is bad: why.
    Bad(String),
}

/// Judges by the verdict; a canary that is not Ready as a whole is not good yet.
#[must_use]
pub fn judge(verdict: &Verdict, canaries: usize, unready: usize) -> Judgment {
    match &verdict.decision {
        Decision::Bad { .. } => Judgment::Bad(why(verdict)),
        Decision::Undecided { .. } => {
            let open = verdict.indicators.iter().flat_map(|finding| &finding.open);
            Judgment::Undecided {
                why: why(verdict),
                waits: open.clone().count() > 0 && open.clone().all(is_time),
            }
        }
        Decision::Good if unready > 0 => {
            undecided(format!("{unready} of {canaries} canary pods are not Ready"))
        }
        Decision::Good => Judgment::Good,
    }
}

fn is_time(reason: &Reason) -> bool {
    matches!(reason, Reason::Soaking { .. } | Reason::NotRead)
}

fn undecided(why: String) -> Judgment {
    Judgment::Undecided { why, waits: false }
}

/// Judges after a promotion, when there is nothing left to compare with: everything has to be Ready
/// for as long as was asked, and nothing may restart.
#[must_use]
pub fn bake(
    watched: Duration,
    bake: Duration,
    pods: usize,
    restarts: i32,
    unready: usize,
) -> Judgment {
    if restarts > 0 {
        undecided(format!("{restarts} restarts since the promotion"))
    } else if watched < bake {
        undecided(format!("about {} more", Span(bake.saturating_sub(watched))))
    } else if unready > 0 {
        undecided(format!("{unready} of {pods} pods are not Ready"))
    } else {
        Judgment::Good
    }
}

/// Says in one line what a verdict rests on, and for how much longer to look.
#[must_use]
pub fn why(verdict: &Verdict) -> String {
    match &verdict.decision {
        Decision::Bad { indicators } => {
            let bad = verdict
                .indicators
                .iter()
                .filter(|finding| indicators.contains(&finding.indicator.name));
            bad.map(counts).collect::<Vec<_>>().join("; ")
        }
        Decision::Good => "nothing counts against the canary".to_owned(),
        Decision::Undecided { longer } => {
            let open = verdict
                .indicators
                .iter()
                .flat_map(|finding| finding.open.iter().map(move |why| (finding, why)));
            let Some((finding, reason)) = open.min_by_key(|(_, reason)| rank(reason)) else {
                return "nothing has been read yet".to_owned();
            };
            let reason = match (reason, finding.indicator.unit) {
                // These count pods that run, which needs no traffic.
                (Reason::NoTraffic { .. }, Unit::PodSeconds) => {
                    format!(
                        "{}: no pod has been Ready long enough yet",
                        finding.indicator.name
                    )
                }
                _ => format!("{}: {reason}", finding.indicator.name),
            };
            match longer {
                // It would say the same twice.
                Longer::Unknown => reason,
                longer => format!("{reason}; {longer}"),
            }
        }
    }
}

/// What a person has to know first.
fn rank(reason: &Reason) -> u8 {
    match reason {
        Reason::Suspicious { .. } => 0,
        Reason::Unreadable { .. } => 1,
        Reason::NoTraffic { .. } => 2,
        Reason::TooLittle { .. } => 3,
        Reason::NotRead => 4,
        Reason::Soaking { .. } => 5,
    }
}

/// Says what one indicator counted: `requests: 57 of 120 failed on the canary, 0 of 2400 on stable`.
fn counts(finding: &Finding) -> String {
    let Finding {
        indicator,
        canary,
        stable,
        ..
    } = finding;
    let (bad, total) = (canary.bad, canary.total);
    let (beside, of) = (stable.bad, stable.total);
    let counted = match indicator.unit {
        Unit::Requests => {
            format!("{bad:.0} of {total:.0} failed on the canary, {beside:.0} of {of:.0} on stable")
        }
        Unit::PodSeconds => format!(
            "{bad:.0} in {total:.0}s of canary pods, {beside:.0} in {of:.0}s of stable pods"
        ),
    };
    format!(
        "{}: {counted} (E {}, bad at {:.0})",
        indicator.name,
        e_value(finding.e),
        finding.bad_at
    )
}

/// Shows an e-value, which soon has a hundred digits.
#[must_use]
pub fn e_value(e: f64) -> String {
    if e >= 10_000.0 {
        format!("{e:.0e}")
    } else {
        format!("{e:.1}")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::model::verdict::judge::Judge;
    use crate::model::verdict::settings::{Indicator, Settings};
    use crate::model::verdict::windows::{Arm, Reading, Sample, Series};

    use super::*;

    fn reading(second: i64, canary: (f64, f64), stable: (f64, f64)) -> Reading {
        let sample = |arm, pod: &str, (bad, total)| Sample {
            arm,
            pod: pod.to_owned(),
            bad,
            total,
            ready_for: Some(Duration::from_secs(1000)),
        };
        Reading {
            at: Timestamp::from_second(second).unwrap(),
            series: vec![Series {
                indicator: "requests".to_owned(),
                samples: Ok(vec![
                    sample(Arm::Canary, "b", canary),
                    sample(Arm::Stable, "a", stable),
                ]),
            }],
            notes: Vec::new(),
        }
    }

    fn verdict(readings: &[Reading]) -> Verdict {
        let settings = Settings {
            soak: Duration::from_secs(60),
            ..Settings::default()
        };
        let indicators = vec![Indicator::new("requests", Unit::Requests)];
        let mut judge = Judge::new(settings, indicators);
        for reading in readings {
            judge.observe(reading);
        }
        judge.verdict()
    }

    #[test]
    fn a_bad_canary_is_told_with_its_counts() {
        let bad = verdict(&[
            reading(0, (0.0, 0.0), (0.0, 0.0)),
            reading(10, (20.0, 40.0), (0.0, 400.0)),
        ]);
        let Judgment::Bad(why) = judge(&bad, 1, 0) else {
            panic!("{bad:?}")
        };
        assert!(
            why.starts_with("requests: 20 of 40 failed on the canary, 0 of 400 on stable (E "),
            "{why}"
        );
    }

    #[test]
    fn what_is_missing_is_told_with_the_time_it_takes() {
        let few = verdict(&[
            reading(0, (0.0, 0.0), (0.0, 0.0)),
            reading(60, (0.0, 60.0), (0.0, 600.0)),
        ]);
        let why = why(&few);
        // 299 requests prove 1 %: at one a second 239 more.
        assert_eq!(why, "requests: 60 requests are too few; about 4m more");
    }

    #[test]
    fn pods_that_warm_up_are_not_told_to_need_traffic() {
        let judge = Judge::new(
            Settings::default(),
            vec![Indicator::new("restarts", Unit::PodSeconds)],
        );
        let mut verdict = judge.verdict();
        verdict.indicators[0].open = vec![Reason::NoTraffic { arm: Arm::Canary }];
        assert!(why(&verdict).starts_with("restarts: no pod has been Ready long enough yet"));
    }

    #[test]
    fn a_good_canary_of_which_a_pod_is_not_ready_is_not_good() {
        let good = verdict(&[
            reading(0, (0.0, 0.0), (0.0, 0.0)),
            reading(60, (0.0, 600.0), (0.0, 600.0)),
        ]);
        assert_eq!(judge(&good, 2, 0), Judgment::Good);
        assert!(
            matches!(judge(&good, 2, 1), Judgment::Undecided { why, .. } if why.contains("1 of 2"))
        );
    }

    #[test]
    fn a_promotion_is_good_after_its_time_with_everything_ready() {
        let second = Duration::from_secs;
        assert_eq!(bake(second(9), second(9), 3, 0, 0), Judgment::Good);
        for open in [
            bake(second(8), second(9), 3, 0, 0),
            bake(second(9), second(9), 3, 1, 0),
            bake(second(9), second(9), 3, 0, 1),
        ] {
            assert!(matches!(open, Judgment::Undecided { .. }));
        }
    }
}
