//! What is concluded from which readings.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::verdict::judge::{Decision, Judge, Reason};
use crate::model::verdict::longer::Longer;
use crate::model::verdict::settings::{Indicator, Settings, Unit};
use crate::model::verdict::windows::{Arm, Reading, Sample, Series};

const MINUTE: i64 = 60;

fn requests() -> Indicator {
    Indicator::new("requests", Unit::Requests)
}

fn sample(arm: Arm, bad: f64, total: f64) -> Sample {
    Sample {
        arm,
        pod: format!("{arm:?}"),
        bad,
        total,
        ready_for: Some(Duration::from_secs(3600)),
    }
}

fn at(second: i64, samples: Result<Vec<Sample>, String>) -> Reading {
    Reading {
        at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        series: vec![Series {
            indicator: "requests".to_owned(),
            samples,
        }],
        notes: Vec::new(),
    }
}

/// A reading of one pod per arm; each pair is bad of total.
fn both(second: i64, canary: (f64, f64), stable: (f64, f64)) -> Reading {
    let samples = vec![
        sample(Arm::Canary, canary.0, canary.1),
        sample(Arm::Stable, stable.0, stable.1),
    ];
    at(second, Ok(samples))
}

fn judge() -> Judge {
    Judge::new(Settings::default(), vec![requests()])
}

/// A judge who has seen this much within eleven minutes.
fn after(canary: (f64, f64), stable: (f64, f64)) -> Judge {
    let mut judge = judge();
    judge.observe(&both(0, (0.0, 0.0), (0.0, 0.0)));
    judge.observe(&both(11 * MINUTE, canary, stable));
    judge
}

fn reasons(judge: &Judge) -> Vec<Reason> {
    judge.verdict().indicators[0].open.clone()
}

fn undecided(judge: &Judge) -> Longer {
    match judge.verdict().decision {
        Decision::Undecided { longer } => longer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn soak_time_and_enough_clean_requests_make_a_canary_good() {
    assert_eq!(
        after((0.0, 299.0), (0.0, 2700.0)).verdict().decision,
        Decision::Good
    );
    let few = after((0.0, 298.0), (0.0, 2700.0));
    assert!(matches!(reasons(&few)[..], [Reason::TooLittle { .. }]));
}

#[test]
fn enough_requests_within_a_part_of_the_soak_time_are_not_enough() {
    let mut judge = judge();
    judge.observe(&both(0, (0.0, 0.0), (0.0, 0.0)));
    judge.observe(&both(6 * MINUTE, (0.0, 5000.0), (0.0, 45000.0)));
    assert!(matches!(reasons(&judge)[..], [Reason::Soaking { .. }]));
    assert_eq!(
        undecided(&judge),
        Longer::About(Duration::from_secs(4 * 60))
    );
}

#[test]
fn ten_times_as_many_failures_make_it_bad_before_the_soak_time_is_over() {
    let mut judge = judge();
    judge.observe(&both(0, (0.0, 0.0), (0.0, 0.0)));
    judge.observe(&both(MINUTE, (10.0, 100.0), (9.0, 900.0)));
    let verdict = judge.verdict();
    assert_eq!(
        verdict.decision,
        Decision::Bad {
            indicators: vec!["requests".to_owned()]
        }
    );
    // What was once proven is not forgotten when better counts follow.
    judge.observe(&both(60 * MINUTE, (10.0, 90_000.0), (9000.0, 900_000.0)));
    assert_eq!(judge.verdict().decision, verdict.decision);
}

#[test]
fn equally_bad_arms_are_not_the_canarys_fault() {
    let judge = after((60.0, 3000.0), (540.0, 27_000.0));
    assert_eq!(judge.verdict().decision, Decision::Good);
}

#[test]
fn a_canary_that_failed_more_often_is_suspicious_and_not_good_by_number_alone() {
    let judge = after((4.0, 299.0), (5.0, 2700.0));
    assert!(matches!(reasons(&judge)[..], [Reason::Suspicious { .. }]));
}

#[test]
fn without_traffic_in_either_arm_nothing_is_concluded() {
    let idle = after((0.0, 0.0), (0.0, 2700.0));
    assert_eq!(reasons(&idle), [Reason::NoTraffic { arm: Arm::Canary }]);
    assert_eq!(undecided(&idle), Longer::Unknown);
    let alone = after((0.0, 5000.0), (0.0, 0.0));
    assert_eq!(reasons(&alone), [Reason::NoTraffic { arm: Arm::Stable }]);
}

#[test]
fn a_reading_that_fails_takes_a_good_verdict_back_until_the_next_one() {
    let mut judge = after((0.0, 900.0), (0.0, 8000.0));
    assert_eq!(judge.verdict().decision, Decision::Good);
    let why = "svc monitoring/prometheus:9090 answered 503".to_owned();
    judge.observe(&at(12 * MINUTE, Err(why.clone())));
    assert_eq!(reasons(&judge), [Reason::Unreadable { why }]);
    judge.observe(&both(13 * MINUTE, (0.0, 990.0), (0.0, 8900.0)));
    assert_eq!(judge.verdict().decision, Decision::Good);
}

#[test]
fn an_indicator_that_is_missing_from_a_reading_was_not_read() {
    let mut judge = after((0.0, 900.0), (0.0, 8000.0));
    judge.observe(&Reading {
        series: Vec::new(),
        ..both(12 * MINUTE, (0.0, 0.0), (0.0, 0.0))
    });
    assert!(matches!(reasons(&judge)[..], [Reason::Unreadable { .. }]));
}

#[test]
fn time_in_which_nothing_could_be_read_is_no_soak_time_though_its_counts_count() {
    let mut judge = judge();
    judge.observe(&both(0, (0.0, 0.0), (0.0, 0.0)));
    judge.observe(&at(5 * MINUTE, Err("gone".to_owned())));
    judge.observe(&both(20 * MINUTE, (0.0, 900.0), (0.0, 8000.0)));
    assert_eq!(judge.verdict().indicators[0].canary.total, 900.0);
    assert!(matches!(reasons(&judge)[..], [Reason::Soaking { seconds, .. }] if seconds == 0.0));
}

#[test]
fn what_is_no_number_is_no_reading() {
    for broken in [f64::NAN, f64::INFINITY, -1.0] {
        let mut judge = after((0.0, 900.0), (0.0, 8000.0));
        judge.observe(&both(12 * MINUTE, (broken, 990.0), (0.0, 8900.0)));
        assert!(matches!(reasons(&judge)[..], [Reason::Unreadable { .. }]));
        assert_eq!(judge.verdict().indicators[0].canary.total, 900.0);
    }
}

#[test]
fn counters_that_began_anew_lose_their_window_and_nothing_else() {
    let mut judge = after((1.0, 900.0), (9.0, 8000.0));
    judge.observe(&both(12 * MINUTE, (0.0, 40.0), (10.0, 8900.0)));
    let finding = judge.verdict().indicators.remove(0);
    assert_eq!((finding.canary.total, finding.resets), (900.0, 1));
    judge.observe(&both(13 * MINUTE, (0.0, 140.0), (11.0, 9800.0)));
    assert_eq!(judge.verdict().indicators[0].canary.total, 1000.0);
}

#[test]
fn a_pods_counts_begin_when_it_is_warm_and_go_on_when_it_is_unready_again() {
    let mut judge = judge();
    let canary = |bad, total, ready_for: Option<u64>| Sample {
        ready_for: ready_for.map(Duration::from_secs),
        ..sample(Arm::Canary, bad, total)
    };
    let steps = [
        (canary(50.0, 100.0, Some(10)), 0.0),
        (canary(60.0, 200.0, Some(70)), 0.0),
        (canary(60.0, 300.0, Some(130)), 100.0),
        (canary(60.0, 310.0, None), 110.0),
        (canary(60.0, 330.0, Some(5)), 130.0),
    ];
    for ((sample, seen), second) in steps.into_iter().zip(0..) {
        judge.observe(&at(second * MINUTE, Ok(vec![sample])));
        assert_eq!(judge.verdict().indicators[0].canary.total, seen);
    }
}

#[test]
fn how_much_longer_follows_from_the_present_rate() {
    // 150 requests in eleven minutes; 149 more take as long again.
    let slow = after((0.0, 150.0), (0.0, 1350.0));
    let Longer::About(time) = undecided(&slow) else {
        panic!("{:?}", undecided(&slow))
    };
    assert!((650..=670).contains(&time.as_secs()), "{time:?}");
    assert_eq!(undecided(&slow).to_string(), "about 11m more");
    // A canary that fails too often for the margin will never be good, though it is not bad yet.
    let lame = after((1.0, 9.0), (10.0, 300.0));
    assert_eq!(undecided(&lame), Longer::Never);
}

#[test]
fn alpha_is_shared_out_among_the_indicators() {
    let names = ["requests", "restarts"];
    let indicators = names
        .map(|name| Indicator::new(name, Unit::Requests))
        .to_vec();
    let judge = Judge::new(Settings::default(), indicators);
    assert!((judge.verdict().indicators[0].bad_at - 40.0).abs() < 1e-9);
}

#[test]
fn without_any_indicator_or_reading_nothing_is_concluded() {
    let none = Judge::new(Settings::default(), Vec::new());
    assert_eq!(undecided(&none), Longer::Unknown);
    assert_eq!(reasons(&judge()), [Reason::NotRead]);
}

#[test]
fn events_per_pod_and_second_need_the_soak_time_and_no_suspicion() {
    let restarts = Indicator::new("requests", Unit::PodSeconds);
    let run = |canary: f64, stable: f64| {
        let mut judge = Judge::new(Settings::default(), vec![restarts.clone()]);
        judge.observe(&both(0, (0.0, 0.0), (0.0, 0.0)));
        judge.observe(&both(11 * MINUTE, (canary, 660.0), (stable, 5940.0)));
        judge
    };
    assert_eq!(run(0.0, 0.0).verdict().decision, Decision::Good);
    assert!(matches!(
        reasons(&run(1.0, 0.0))[..],
        [Reason::Suspicious { .. }]
    ));
    assert!(matches!(
        run(3.0, 0.0).verdict().decision,
        Decision::Bad { .. }
    ));
    // A stable arm that restarts all the time does not make the canary look bad.
    assert_eq!(run(1.0, 30.0).verdict().decision, Decision::Good);
}

#[test]
fn another_process_goes_on_where_one_ended() {
    let mut judge = after((3.0, 900.0), (9.0, 8000.0));
    let kept = serde_json::to_string(&judge).unwrap();
    let mut other: Judge = serde_json::from_str(&kept).unwrap();
    let next = both(12 * MINUTE, (3.0, 1000.0), (10.0, 8900.0));
    judge.observe(&next);
    other.observe(&next);
    assert_eq!(judge.verdict(), other.verdict());
}

#[test]
fn a_hopeless_canary_does_not_leave_the_range_of_numbers() {
    let judge = after((1e9, 1e9), (0.0, 1e9));
    let json = serde_json::to_value(judge.verdict()).unwrap();
    assert_eq!(json["decision"], "bad");
    assert!(json["indicators"][0]["e"].is_number());
}

#[test]
fn settings_that_mean_nothing_are_named_by_their_flag() {
    let settings = Settings::default();
    assert_eq!(settings.check(), Ok(()));
    for alpha in [0.0, 1.0, f64::NAN] {
        let wrong = Settings {
            alpha,
            ..settings.clone()
        };
        assert!(wrong.check().unwrap_err().contains("--alpha"));
    }
    let wrong = Settings {
        tolerate: 0.5,
        ..settings
    };
    assert!(wrong.check().unwrap_err().contains("--tolerate"));
}
