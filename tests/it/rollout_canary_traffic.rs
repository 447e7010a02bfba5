//! A canary's share of the requests that enter through a real gateway.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use harness::{Case, Need, Suite, eventually};
use rollout_canary::traffic::{self, Canary, Patience, plan};
use serde_json::{Value, json};

use crate::rollout_canary_world::{PATIENCE, STABLE, World, get};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "a_route_gives_the_canary_its_share_and_takes_it_back_without_a_lost_request",
        &[Need::RealNode, Need::Gateway],
        shared,
    )]
}

const WAIT: Patience = Patience {
    ready: PATIENCE,
    observed: PATIENCE,
};
/// Requests per measurement.
const REQUESTS: usize = 400;

fn shared(suite: &Suite) {
    let world = World::new(suite, "sandbox.local/web:2");
    let entrance = suite.cluster().state().entrance.clone();
    let host = format!("{}.example", world.namespace);
    world.apply(&route(&host));
    eventually("the gateway passes requests on", PATIENCE, || {
        get(&entrance, &host).is_ok_and(|(status, _)| status == 200)
    });
    let before = read(suite, &world);
    let natural = by_canary(&entrance, &host);
    assert!(
        (0.20..=0.30).contains(&natural),
        "one of four pods has {natural}"
    );

    let (stop, failed, sent) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                sent.fetch_add(1, Ordering::Relaxed);
                if !get(&entrance, &host).is_ok_and(|(status, _)| status == 200) {
                    failed.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        // Also when an assertion fails, or the scope would never end.
        let _stop = Stop(&stop);
        give_and_take(suite, &world, &entrance, &host, &before);
    });
    assert!(sent.load(Ordering::Relaxed) > 100);
    assert_eq!(failed.load(Ordering::Relaxed), 0, "requests were lost");
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn give_and_take(suite: &Suite, world: &World<'_>, entrance: &str, host: &str, before: &Value) {
    let (run, session) = (&world.runtime, &world.session);
    let canary =
        Canary::of(&world.deployment(), &world.namespace, &world.canary).expect("it is read");
    let found = run
        .block_on(traffic::detect(session, &canary))
        .expect("it may be looked at");
    assert_eq!((&found.why, &found.others), (&None, &Vec::new()));
    let target = found.target.expect("the route leads to the pods");
    assert_eq!((target.service.as_str(), target.routes.len()), ("web", 1));

    run.block_on(traffic::prepare(session, &canary, &target, WAIT))
        .expect("it has a pod");
    // 10 % of the requests to the extra backend: 32.5 % with what its pod has by itself.
    let share = plan::share(0.325, target.natural_share(1, STABLE));
    assert!((share - 0.1).abs() < 1e-9);
    let route = &target.routes[0];
    let planned = run.block_on(traffic::foresee(session, &target, route, share, &[]));
    let planned = planned.expect("it can be planned");
    let done = run.block_on(traffic::enter(session, &target, &planned, WAIT));
    let done = done.expect("the gateway takes it up");
    assert_eq!(done, planned);
    let during = read(suite, world);
    let weights: Vec<&Value> = backends(&during)
        .iter()
        .map(|backend| &backend["weight"])
        .collect();
    assert_eq!(weights, [&json!(9), &json!(1)]);
    let measured = by_canary(entrance, host);
    assert!(
        (0.275..=0.375).contains(&measured),
        "{measured} is not 32.5 %"
    );
    // Half of the requests, from there.
    let share = plan::share(0.5, target.natural_share(1, STABLE));
    let more = run.block_on(traffic::foresee(
        session,
        &target,
        route,
        share,
        &done.rules,
    ));
    let done = run.block_on(traffic::enter(
        session,
        &target,
        &more.expect("a plan"),
        WAIT,
    ));
    let done = done.expect("the gateway takes it up");
    let measured = by_canary(entrance, host);
    assert!((0.45..=0.55).contains(&measured), "{measured} is not 50 %");

    // Somebody else changes the route meanwhile.
    let note = suite.admin(&format!(
        "annotate httproute web -n {} who=me",
        world.namespace
    ));
    note.run().success();
    let left = run
        .block_on(traffic::leave(session, &canary, &done, WAIT))
        .expect("it is taken back");
    assert_eq!(left, traffic::Left::default());
    run.block_on(traffic::clean_up(session, &canary))
        .expect("the Service goes");
    let after = read(suite, world);
    assert_eq!(
        after["spec"], before["spec"],
        "the user's route is as it was"
    );
    assert_eq!(after["metadata"]["annotations"]["who"], "me");
    let extra = format!("service {} -n {}", target.extra, world.namespace);
    eventually("the extra Service is gone", PATIENCE, || {
        suite.get(&extra).is_none()
    });
}

fn read(suite: &Suite, world: &World<'_>) -> Value {
    suite
        .get(&format!("httproute web -n {}", world.namespace))
        .expect("it is there")
}

fn backends(route: &Value) -> &Vec<Value> {
    let backends = route["spec"]["rules"][0]["backendRefs"].as_array();
    backends.expect("backends")
}

/// Returns the share of requests that the canary answers.
fn by_canary(entrance: &str, host: &str) -> f64 {
    let answers = (0..REQUESTS).map(|_| get(entrance, host).expect("an answer"));
    let canary = answers.filter(|(_, version)| version == "2").count();
    canary as f64 / REQUESTS as f64
}

fn route(host: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
    "metadata": {"name": "web"},
    "spec": {
        "parentRefs": [{
            "name": groundcrew_sandbox::addons::GATEWAY_NAME,
            "namespace": groundcrew_sandbox::addons::GATEWAY_NAMESPACE,
        }],
        "hostnames": [host],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
    }})
}
