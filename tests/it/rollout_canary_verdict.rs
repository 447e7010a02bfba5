//! Whether `kubectl rollout-canary` finds bad versions by what they show, on real pods.

use harness::{Case, Need, Output, Suite, Way, Web};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let simulated = &[Need::Plugins, Need::Controllers];
    let real = &[Need::Plugins, Need::Controllers, Need::RealNode];
    let measured = &[
        Need::Plugins,
        Need::Controllers,
        Need::RealNode,
        Need::Gateway,
        Need::Prometheus,
    ];
    vec![
        Case::new(
            "one_failed_request_in_twenty_is_found_on_the_pods_own_pages",
            real,
            |suite| {
                let web = suite.serving(4);
                caught(&web, &Way::Pods, &["--scrape", ":8080/metrics"]);
            },
        ),
        Case::new(
            "one_failed_request_in_twenty_through_a_gateway_is_found_by_asking_prometheus",
            measured,
            |suite| {
                let place = groundcrew_sandbox::addons::PROMETHEUS_SERVICE;
                let web = suite.serving(4);
                caught(&web, &web.route(), &["--prometheus", place]);
            },
        ),
        Case::new(
            "a_version_that_crashes_is_not_there_or_lacks_a_key_is_rolled_back",
            real,
            dead,
        ),
        Case::new(
            "what_cannot_be_asked_is_undecided_and_held",
            simulated,
            unreachable,
        ),
        Case::new(
            "a_canary_that_nobody_drives_is_judged_by_who_looks",
            simulated,
            onlooker,
        ),
    ]
}

const BAD: &str = r#"http_requests_total{code=~"5.."}"#;
const TOTAL: &str = "http_requests_total";

fn rollout(web: &Web<'_>, image: &str, words: &str, from: &[&str]) -> Output {
    web.canary(&format!("web --steps 25 {words} --image web={image}"))
        .args(from)
        .args(["--bad", BAD, "--total", TOTAL])
        .run()
}

fn caught(web: &Web<'_>, way: &Way, from: &[&str]) {
    let before = web.snapshot();
    let image = "sandbox.local/web:flaky";
    let (run, answers) = web.under_load(way, || {
        rollout(web, image, "--smoke 100s --warmup 1s", from)
    });
    run.code(3)
        .says("requests: ")
        .says("failed on the canary, 0 of ")
        .says("the canary is bad and was rolled back");
    assert!(answers.failed > 0, "{answers:?}");
    assert_eq!(web.snapshot(), before);
    assert_eq!(web.sizes(), [("1".to_owned(), 4)].into());
    web.is_clean();
}

fn dead(suite: &Suite) {
    let web = suite.serving(2);
    let before = web.snapshot();
    let key = r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[
        {"name":"KEY","valueFrom":{"configMapKeyRef":{"name":"settings","key":"missing"}}}]}]}}}}"#;
    web.kubectl("create configmap settings --from-literal=key=1")
        .run()
        .success();
    for (code, change, says) in [
        (
            3,
            ["--image", "web=sandbox.local/web:crash"],
            &[
                "CrashLoopBackOff",
                // The last words in its log.
                "web crash ends with code 1",
            ][..],
        ),
        (4, ["--image", "web=registry.invalid/web:1"], &["ImagePull"]),
        (
            3,
            ["--patch", key],
            &["CreateContainerConfigError", "couldn't find key missing"],
        ),
    ] {
        let run = web
            .canary("web 40% --accept-weight --ready-within 15s")
            .args(change)
            .run();
        run.code(code).says("rolled back");
        for says in says {
            run.says(says);
        }
        assert_eq!(web.snapshot(), before, "{change:?}");
        assert_eq!(web.sizes(), [("1".to_owned(), 2)].into());
        web.is_clean();
    }
}

fn unreachable(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let before = web.snapshot();
    let image = "sandbox.local/sim:2";
    for (from, says) in [
        (&["--prometheus", "svc:nowhere"][..], "is not an address"),
        (
            &["--prometheus", "svc:a/b:1", "--scrape", ":1"],
            "cannot be used",
        ),
        (&[], "need a source"),
    ] {
        rollout(&web, image, "", from).code(2).says(says);
    }
    assert_eq!(web.snapshot(), before, "nothing is written");
    let from = ["--prometheus", "svc:nowhere/prometheus:9090"];
    let run = rollout(&web, image, "--smoke 1s", &from);
    run.code(4)
        .says("undecided, and held")
        .says("requests: Prometheus (service/prometheus:9090 in nowhere)");
    let status = web.canary("status web -o json").run().success().json();
    assert_eq!(status["verdict"]["decision"], "undecided");
    assert_eq!(status["parked"], true);
    let indicators = status["verdict"]["indicators"].as_array();
    let named = |name: &str| {
        let found = indicators.into_iter().flatten();
        let mut found = found.filter(|finding| finding["indicator"]["name"] == name);
        found.next().expect("the indicator").clone()
    };
    assert_eq!(named("requests")["open"][0]["reason"], "unreadable");
    assert_eq!(named("restarts")["open"], serde_json::json!([]));
    web.aborts();
    assert_eq!(web.snapshot(), before);
    web.is_clean();
}

fn onlooker(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    // Nobody has looked yet.
    web.start("20% --warmup 1s").success();
    let parked = web.canary("status web -o json").run().success().json();
    assert_eq!(parked["verdict"]["decision"], Value::Null);
    // A rollout remembers what it has seen, and a later look continues from there.
    web.canary("web --steps 20 --smoke 1s").run().success();
    let verdict = |_: i32| {
        let status = web.canary("status web -o json").run().success().json();
        assert_eq!(status["verdict"]["decision"], "good", "{status}");
        let canary = &status["verdict"]["indicators"][0]["canary"];
        canary["total"].as_f64().expect("seconds")
    };
    let first = verdict(1);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(verdict(2) > first, "what happens meanwhile counts");
    web.canary("status web")
        .run()
        .success()
        .answers("verdict: good")
        .answers("restarts ");
    web.canary("promote web").run().success();
    web.is_clean();
}
