//! `kubectl rollout-canary` and what scaling does to a canary that is not parked: while it is made,
//! and where there are too few replicas to park it.

use harness::{Case, Fault, Match, Need, Suite, Web, eventually};
use serde_json::{Value, json};

use crate::rollout_canary_faults::killed;
use crate::rollout_canary_small::driver;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_hold_scaled_to_zero_comes_back_stable_while_it_is_driven",
            to_zero,
        ),
        case(
            "a_hold_scaled_to_zero_without_a_driver_is_all_canary_and_is_fixed_without_a_lost_pod",
            abandoned,
        ),
        case("a_hold_that_is_scaled_goes_on_where_it_can_be_parked", up),
        case("a_hold_scaled_down_and_up_never_keeps_more_canaries", swing),
    ]
}

fn scale(web: &Web<'_>, replicas: i32) {
    let scale = format!("scale deployment/web --replicas={replicas}");
    web.kubectl(&scale).run().success();
}

/// Waits until there are so many pods, every ReplicaSet's status telling of what it is now.
fn all_ready(web: &Web<'_>, replicas: i64) {
    eventually("all pods are Ready and no other is left", || {
        let sets = web.get("replicasets").unwrap_or_default();
        let sets = sets["items"].as_array().cloned().unwrap_or_default();
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let is_settled = |set: &Value| {
            let (size, status) = (number(&set["spec"]["replicas"]), &set["status"]);
            status["observedGeneration"] == set["metadata"]["generation"]
                && number(&status["replicas"]) == size
                && number(&status["readyReplicas"]) == size
        };
        let sizes = sets.iter().map(|set| number(&set["spec"]["replicas"]));
        sets.iter().all(is_settled) && sizes.sum::<i64>() == replicas
    });
}

pub(crate) fn to_zero(suite: &Suite) {
    let web = suite.web(2, Value::Null);
    let before = web.snapshot();
    let mut driver = driver(suite, &web, "--smoke 300s");
    scale(&web, 0);
    assert_eq!(driver.ends(), Some(5));
    scale(&web, 2);
    all_ready(&web, 2);
    assert_eq!(web.sizes(), [("1".to_owned(), 2)].into());
    web.aborts();
    assert_eq!(web.snapshot(), before);
    web.is_clean();
}

pub(crate) fn abandoned(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(10, json!({"maxSurge": 3, "maxUnavailable": 0}));
    let before = web.snapshot();
    let start = "web 20% --image web=sandbox.local/sim:2";
    for fix in ["abort web --timeout 4m", "resume web --timeout 4m"] {
        // After the record and the canaries, before anything is parked.
        let ramp = Match::write(2);
        let died = killed(suite, &web, start, &through, ramp, &Fault::DieAfter);
        assert!(died, "there is a ramp");
        eventually("the canaries are there", || {
            web.sizes().get("2") == Some(&2)
        });
        scale(&web, 0);
        all_ready(&web, 0);
        scale(&web, 10);
        all_ready(&web, 10);
        // What the controller does with a hold, and why nothing is left in one.
        assert_eq!(web.sizes(), [("2".to_owned(), 10)].into());
        let watcher = web.watch();
        let run = web.canary(fix).run();
        if fix.starts_with("resume") {
            run.success().answers("parked");
            assert_eq!(web.split(), (11, 2));
            web.aborts();
        } else {
            run.success().answers("0 differences");
        }
        assert_eq!(web.snapshot(), before, "{fix}");
        assert_eq!(web.sizes(), [("1".to_owned(), 10)].into(), "{fix}");
        web.is_clean();
        let seen = watcher.seen();
        assert!(seen.fewest_ready >= 10, "{fix}: {seen:?}");
    }
}

fn up(suite: &Suite) {
    let web = suite.web(2, Value::Null);
    let mut driver = driver(suite, &web, "--smoke 300s");
    scale(&web, 10);
    eventually("it is parked for the replicas that there are", || {
        let status = web.canary("status web -o json").run().json();
        let split = (&status["stable"]["replicas"], &status["canary"]["replicas"]);
        status["parked"] == true && split == (&json!(7), &json!(3))
    });
    web.canary("abort web").run().success();
    // It was asked to, and did that.
    assert_eq!(driver.ends(), Some(0));
    assert_eq!(web.sizes(), [("1".to_owned(), 10)].into());
    web.is_clean();
}

pub(crate) fn swing(suite: &Suite) {
    let web = suite.web(2, Value::Null);
    let mut driver = driver(suite, &web, "--smoke 300s");
    for replicas in [1, 10, 3, 12] {
        scale(&web, replicas);
        let wanted = i64::from(replicas);
        eventually("it is where it should be", || {
            let status = web.canary("status web -o json").run().json();
            let number = |side: &str| status[side]["ready"].as_i64().unwrap_or_default();
            let (stable, canary) = (number("stable"), number("canary"));
            // 30 % of twelve are four, rounded to the nearest.
            let settled = status["phase"] == "Holding" && stable + canary >= wanted;
            settled && canary >= 1 && canary <= (wanted / 3).max(1)
        });
    }
    web.canary("abort web").run().success();
    assert_eq!(driver.ends(), Some(0));
    assert_eq!(web.sizes(), [("1".to_owned(), 12)].into());
    web.is_clean();
}
