//! The canary's share of the requests that enter through a real gateway.

use harness::{Case, Need, Suite, Web, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[
        Need::Plugins,
        Need::Controllers,
        Need::RealNode,
        Need::Gateway,
    ];
    let simulated = &[Need::Plugins, Need::Controllers];
    vec![
        Case::new(
            "a_share_below_that_of_the_pods_is_said_to_be_out_of_reach",
            needs,
            below,
        ),
        Case::new(
            "a_route_of_calls_gets_its_share_and_is_put_back_without_a_lost_call",
            needs,
            calls,
        ),
        Case::new(
            "a_route_gives_the_canary_its_share_and_abort_takes_it_back_without_a_lost_request",
            needs,
            shared,
        ),
        Case::new(
            "a_healthy_version_is_promoted_under_load_without_a_lost_request",
            needs,
            promoted,
        ),
        Case::new(
            "without_a_route_a_gateways_share_is_refused_before_anything_is_written",
            simulated,
            refused,
        ),
    ]
}

/// Requests per measurement.
const REQUESTS: usize = 600;

pub(crate) fn route(web: &Web<'_>) -> Value {
    web.get("httproute web").expect("the route is there")["spec"].clone()
}

pub(crate) fn is_as_before(web: &Web<'_>, before: &Value) {
    assert_eq!(&route(web), before, "the user's route is as it was");
    eventually("the extra Service is gone", || {
        web.get("service web-rc-canary").is_none()
    });
}

fn shared(suite: &Suite) {
    let web = suite.serving(4);
    let way = web.route();
    let (before, untouched) = (web.snapshot(), route(&web));
    let plan = web
        .canary("plan web 40% --traffic gateway --restart -o json")
        .run()
        .success()
        .json();
    assert_eq!(plan["traffic"]["gateway"], true);
    assert_eq!(plan["traffic"]["routes"], json!(["httproute/web"]));
    assert!(
        !plan["findings"].to_string().contains("share of pods"),
        "{plan}"
    );
    let ((), answers) = web.under_load(&way, || {
        let words = "web 40% --traffic gateway --image web=sandbox.local/web:2";
        let run = web.canary(words).run();
        run.success()
            .says("httproute/web")
            .answers("40% of the requests");
        let backends = &route(&web)["rules"][0]["backendRefs"];
        assert_eq!(backends.as_array().map(Vec::len), Some(2), "{backends}");
        let status = web.canary("status web -o json").run().success().json();
        assert_eq!(status["traffic"]["percent"], 40.0, "{status}");
        // A gateway says that it knows a route some seconds before all of it acts accordingly.
        eventually("the canary has about 40 % of the requests", || {
            (0.34..=0.46).contains(&web.ask(&way, REQUESTS).share("2"))
        });
        // Somebody else changes the route meanwhile.
        web.kubectl("annotate httproute web who=me").run().success();
        web.aborts();
    });
    assert!(answers.sent > 100, "{answers:?}");
    assert_eq!(answers.failed, 0, "requests were lost: {answers:?}");
    assert_eq!(web.snapshot(), before);
    is_as_before(&web, &untouched);
    let found = web.get("httproute web").expect("the route is there");
    assert_eq!(found["metadata"]["annotations"]["who"], "me");
    web.is_clean();
}

fn below(suite: &Suite) {
    let web = suite.serving(3);
    let _way = web.route();
    let untouched = route(&web);
    let plan = web.canary("plan web 5 --traffic gateway --restart").run();
    let said = "at 5% the pods alone have 33.3%: a route can add to that, but not take away";
    plan.success().answers(said);
    let words = "web 5% --traffic gateway --accept-weight --image web=sandbox.local/web:2";
    let started = web.canary(words).run();
    started
        .success()
        .says("33.3% by the number of pods, more than 5%")
        .answers("parked at 33.3%");
    assert_eq!(route(&web), untouched, "no route is touched");
    assert!(web.get("service web-rc-canary").is_none());
    web.aborts();
    web.is_clean();
}

fn calls(suite: &Suite) {
    let web = suite.serving(3);
    let way = web.grpc_route("2");
    let spec = || web.get("grpcroute calls").expect("the route is there")["spec"].clone();
    let (before, untouched) = (web.snapshot(), spec());
    let ((), answers) = web.under_load(&way, || {
        let words = "web 50% --traffic gateway --image web=sandbox.local/web:2";
        let run = web.canary(words).run();
        run.success()
            .says("grpcroute/calls")
            .answers("50% of the requests by grpcroute/calls");
        // 1 of 3 pods has a third, and x = (1/2 − 1/3) / (1 − 1/3) more is a quarter.
        let backends = spec()["rules"][0]["backendRefs"].clone();
        let weights: Vec<_> = (0..2)
            .map(|place| backends[place]["weight"].as_u64())
            .collect();
        assert_eq!(weights, [Some(3), Some(1)], "{backends}");
        assert_eq!(backends[1]["name"], "web-rc-canary");
        eventually("the canary has about half of the calls", || {
            (0.44..=0.56).contains(&web.ask(&way, REQUESTS).share("2"))
        });
        web.aborts();
    });
    assert!(answers.sent > 100, "{answers:?}");
    assert_eq!(answers.failed, 0, "calls were lost: {answers:?}");
    eventually("every call is answered by stable", || {
        web.ask(&way, 50).share("other") > 0.99
    });
    assert_eq!((web.snapshot(), spec()), (before, untouched));
    assert!(web.get("service web-rc-canary").is_none());
    web.is_clean();
}

fn promoted(suite: &Suite) {
    let web = suite.serving(4);
    let way = web.route();
    let untouched = route(&web);
    let (run, answers) = web.under_load(&way, || {
        web.canary("web --steps 40,100 --smoke 3s --slo 20% --auto promote --traffic gateway")
            .args([
                "--scrape",
                ":8080/metrics",
                "--total",
                "http_requests_total",
            ])
            .args(["--bad", r#"http_requests_total{code=~"5.."}"#])
            .args(["--image", "web=sandbox.local/web:2"])
            .run()
    });
    run.success().says("httproute/web").answers("promoted");
    assert!(answers.sent > 100, "{answers:?}");
    assert_eq!(answers.failed, 0, "requests were lost: {answers:?}");
    assert_eq!(web.sizes(), [("2".to_owned(), 4)].into());
    is_as_before(&web, &untouched);
    web.is_clean();
}

fn refused(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let version = || web.deployment()["metadata"]["resourceVersion"].clone();
    let before = version();
    web.start("20% --traffic gateway")
        .code(2)
        .says("--traffic gateway is not possible")
        .says("--traffic replicas");
    assert_eq!(version(), before);
    assert!(web.get("configmap rollout-canary.web").is_none());
    // Where it may be either, it is the number of the pods.
    web.start("20% --traffic auto").success();
    let status = web.canary("status web -o json").run().success().json();
    assert_eq!(status["traffic"], Value::Null);
    web.canary("abort web").run().success();
    web.is_clean();
}
