//! `kubectl rollout-canary` where the controllers are slow: every status is late, so that whoever
//! looks at one too early loses pods.

use harness::{Case, Need, Suite};
#[cfg(unix)]
use harness::{Fault, Match, eventually};
use serde_json::json;

use crate::rollout_canary_others::{old_manifest, resumed, scaled};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::SlowControllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "slow_controllers_cost_no_ready_pod_from_start_to_promotion",
            promoted,
        ),
        case(
            "slow_controllers_cost_no_ready_pod_on_the_way_back_from_any_phase",
            aborted,
        ),
        #[cfg(unix)]
        case(
            "slow_controllers_cost_no_ready_pod_when_a_settle_is_taken_back_at_once",
            settled,
        ),
        #[cfg(unix)]
        case(
            "slow_controllers_or_not_a_hold_scaled_to_zero_comes_back_stable",
            crate::rollout_canary_held::to_zero,
        ),
        #[cfg(unix)]
        case(
            "slow_controllers_cost_no_ready_pod_when_what_became_all_canary_is_fixed",
            crate::rollout_canary_held::abandoned,
        ),
        #[cfg(unix)]
        case(
            "slow_controllers_or_not_a_hold_scaled_down_and_up_never_keeps_more_canaries",
            crate::rollout_canary_held::swing,
        ),
        #[cfg(unix)]
        case(
            "slow_controllers_that_are_killed_cost_nothing_at_rest_and_on_the_way",
            killed_controllers,
        ),
        case(
            "slow_controllers_or_not_a_manifest_that_is_applied_again_is_recognized",
            old_manifest,
        ),
        case(
            "slow_controllers_or_not_a_rollout_resume_takes_the_canary_back",
            resumed,
        ),
        case(
            "slow_controllers_or_not_an_autoscaler_never_gives_the_canary_more",
            scaled,
        ),
    ]
}

fn promoted(suite: &Suite) {
    let web = suite.web(10, json!({"maxSurge": 3, "maxUnavailable": 1}));
    let plan = "plan web 10,40 --image web=sandbox.local/sim:2 -o json";
    let plan = web.canary(plan).run().success().json();
    let watcher = web.watch();
    web.start("10% --timeout 4m").success().answers("parked");
    assert_eq!(web.split(), (11, 1));
    web.canary("web 40% --timeout 4m").run().success();
    assert_eq!(web.split(), (6, 4));
    let canaries = web.pods_of("2");
    let most = watcher.seen().most;
    assert!(most <= 13, "{most} pods");
    let promote = web.canary("promote web --timeout 4m").run();
    promote.success().answers("promoted");
    let promoted = web.pods_of("2");
    assert!(canaries.iter().all(|pod| promoted.contains(pod)));
    assert_eq!(web.sizes(), [("2".to_owned(), 10)].into());
    web.is_clean();
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 10, "{seen:?}");
    assert!(seen.most as u64 <= plan["mostPods"].as_u64().expect("a number"));
}

fn aborted(suite: &Suite) {
    let web = suite.web(10, json!({"maxSurge": 3, "maxUnavailable": 1}));
    let before = web.snapshot();
    let watcher = web.watch();
    // The second is the largest that replaces: stable pods have gone when it is taken back at once.
    for start in ["10%", "40% --layout replace"] {
        web.start(&format!("{start} --timeout 4m")).success();
        let abort = web.canary("abort web --timeout 4m").run();
        abort.success().answers("0 differences");
        assert_eq!(web.snapshot(), before, "after {start}");
        assert_eq!(web.sizes(), [("1".to_owned(), 10)].into());
        web.is_clean();
    }
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 10, "{seen:?}");
}

/// The moment in which the controller still counts stable pods as available that are going.
#[cfg(unix)]
fn settled(suite: &Suite) {
    use crate::rollout_canary_faults::killed;

    let through = suite.proxied();
    let web = suite.web(20, json!({"maxSurge": 8, "maxUnavailable": 0}));
    let before = web.snapshot();
    let watcher = web.watch();
    let start = "web 40% --layout replace --image web=sandbox.local/sim:2";
    // The record, the canaries, and now the stable pods that they replace.
    let settle = Match::write(3);
    assert!(killed(
        suite,
        &web,
        start,
        &through,
        settle,
        &Fault::DieAfter
    ));
    let abort = web.canary("abort web --timeout 4m").run();
    abort.success().answers("0 differences");
    assert_eq!(web.snapshot(), before);
    assert_eq!(web.sizes(), [("1".to_owned(), 20)].into());
    web.is_clean();
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 20, "{seen:?}");
}

/// The controller-manager dies, and another one knows nothing but what is written.
#[cfg(unix)]
fn killed_controllers(suite: &Suite) {
    use crate::rollout_canary_faults::spawn_as;

    const MANAGER: &str = "kube-controller-manager";
    let restart = || suite.cluster().restart(MANAGER).expect("it is restarted");
    let web = suite.web(10, json!({"maxSurge": 3, "maxUnavailable": 1}));
    let watcher = web.watch();
    web.start("20% --timeout 4m").success();
    let (canaries, sizes) = (web.pods_of("2"), web.sizes());
    restart();
    // The new one has gone through everything once it has made something of its own.
    let other = suite.web(1, json!(null));
    assert_eq!(web.sizes(), sizes, "at rest");
    assert_eq!(web.pods_of("2"), canaries, "at rest");
    drop(other);
    let canary = |more: usize| web.pods_of("2").len() >= more;
    for (words, more) in [("web 40% --timeout 5m", 3), ("promote web --timeout 5m", 6)] {
        let mut driver = spawn_as(suite, &web, words, suite.cluster().kubeconfig());
        eventually("it is on its way", || {
            canary(more) || driver.try_wait().is_ok_and(|ended| ended.is_some())
        });
        restart();
        let ended = driver.wait().expect("it ends");
        assert_eq!(ended.code(), Some(0), "{words}");
        let pods = web.pods_of("2");
        assert!(canaries.iter().all(|pod| pods.contains(pod)), "{words}");
    }
    assert_eq!(web.sizes(), [("2".to_owned(), 10)].into());
    web.is_clean();
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 10, "{seen:?}");
}
