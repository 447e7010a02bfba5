//! What real Kubernetes, real pods and a real Prometheus tell of a canary.

use std::time::Duration;

use harness::{Case, Need, Suite, eventually};
use rollout_canary::signals::{Arms, Options, Sources};
use rollout_canary::verdict::{Decision, Judge, Reading, Reason, Settings, Verdict};

use crate::rollout_canary_world::{PATIENCE, STABLE, World};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "pages_of_real_pods_show_a_failing_canary",
            &[Need::RealNode],
            scraped,
        ),
        Case::new(
            "prometheus_answers_for_both_arms_through_the_api_server",
            &[Need::RealNode, Need::Prometheus],
            prometheus,
        ),
        Case::new(
            "what_cannot_be_asked_is_undecided_and_says_why",
            &[Need::RealNode],
            unreachable,
        ),
    ]
}

const BAD: &str = r#"http_requests_total{code=~"5.."}"#;
const TOTAL: &str = "http_requests_total";
/// Requests to every pod; of the canary's, half fail.
const REQUESTS: usize = 40;

fn options() -> Options {
    Options {
        bad: Some(BAD.to_owned()),
        total: Some(TOTAL.to_owned()),
        ..Options::default()
    }
}

fn judge(sources: &Sources) -> Judge {
    let settings = Settings {
        soak: Duration::ZERO,
        warmup: Duration::ZERO,
        ..Settings::default()
    };
    Judge::new(settings, sources.indicators())
}

fn read(world: &World<'_>, sources: &mut Sources) -> Reading {
    let pods = world.pods();
    let arms = Arms::by_hash(&world.namespace, &pods, &world.stable, &world.canary);
    let now = jiff::Timestamp::now();
    let reading = sources.observe(&world.session, &arms, now);
    world.runtime.block_on(reading)
}

/// The requests of both arms: bad and total of the canary, bad and total of stable.
fn counts(verdict: &Verdict) -> [f64; 4] {
    let found = verdict.indicators.last().expect("requests come last");
    [
        found.canary.bad,
        found.canary.total,
        found.stable.bad,
        found.stable.total,
    ]
}

/// Reads before and after the requests, until all of them are there.
fn compare(world: &World<'_>, options: &Options) {
    let mut sources = Sources::new(options).expect("the flags are good");
    let mut judge = judge(&sources);
    // Metrics of a pod may come some time after it is Ready.
    eventually("both arms are seen", PATIENCE, || {
        judge.observe(&read(world, &mut sources));
        let verdict = judge.verdict();
        let open = &verdict.indicators.last().expect("requests").open;
        !open
            .iter()
            .any(|reason| matches!(reason, Reason::Unreadable { .. }))
    });
    // Every pod has to be there before the first request.
    eventually("every pod is seen", PATIENCE, || {
        let reading = read(world, &mut sources);
        judge.observe(&reading);
        let samples = &reading.series.last().expect("requests").samples;
        samples
            .as_ref()
            .is_ok_and(|samples| samples.len() == STABLE + 1)
    });
    assert_eq!(counts(&judge.verdict()), [0.0; 4], "nothing was asked yet");
    world.ask_every_pod(REQUESTS);
    let (some, all) = (REQUESTS as f64, (REQUESTS * STABLE) as f64);
    eventually("all requests are counted", PATIENCE, || {
        judge.observe(&read(world, &mut sources));
        counts(&judge.verdict()) == [some / 2.0, some, 0.0, all]
    });
    let verdict = judge.verdict();
    let bad = Decision::Bad {
        indicators: vec!["requests".to_owned()],
    };
    assert_eq!(verdict.decision, bad);
    let restarts = &verdict.indicators[0];
    assert_eq!((restarts.canary.bad, restarts.stable.bad), (0.0, 0.0));
    assert!(restarts.canary.total > 0.0 && restarts.stable.total > restarts.canary.total);
}

fn scraped(suite: &Suite) {
    let world = World::new(suite, "sandbox.local/web:bad");
    compare(
        &world,
        &Options {
            scrape: Some(":8080/metrics".to_owned()),
            ..options()
        },
    );
}

fn prometheus(suite: &Suite) {
    let world = World::new(suite, "sandbox.local/web:bad");
    compare(
        &world,
        &Options {
            prometheus: Some(groundcrew_sandbox::addons::PROMETHEUS_SERVICE.to_owned()),
            ..options()
        },
    );
}

fn unreachable(suite: &Suite) {
    let world = World::new(suite, "sandbox.local/web:2");
    let cases = [
        (
            Options {
                prometheus: Some("svc:nowhere/prometheus:9090".to_owned()),
                ..options()
            },
            "404",
        ),
        (
            Options {
                scrape: Some(":8080/nothing".to_owned()),
                ..options()
            },
            "404",
        ),
        (
            Options {
                scrape: Some(":8080/metrics".to_owned()),
                total: Some("another_total".to_owned()),
                ..options()
            },
            "--total finds nothing of the canary pods",
        ),
    ];
    for (options, expected) in cases {
        let mut sources = Sources::new(&options).expect("the flags are good");
        let mut judge = judge(&sources);
        judge.observe(&read(&world, &mut sources));
        let verdict = judge.verdict();
        assert!(
            matches!(verdict.decision, Decision::Undecided { .. }),
            "{verdict:?}"
        );
        let open = &verdict.indicators.last().expect("requests").open;
        assert!(
            matches!(&open[..], [Reason::Unreadable { why }] if why.contains(expected)),
            "{open:?} has no {expected}"
        );
    }
}
