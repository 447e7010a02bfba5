//! The roles of `docs/rights/rollout-canary.yaml` for what else is asked and changed: routes,
//! Prometheus, the pods' own metrics.

use harness::{Case, Need, Order, Rights, Suite};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, more: &[Need], body: fn(&Suite)| {
        let all = [Need::Plugins, Need::Controllers, Need::Sandbox];
        let name = format!("{name}_have_what_it_takes_and_no_more");
        Case::new(&name, &[&all, more].concat(), body)
    };
    vec![
        case(
            "drivers_of_canaries_behind_routes",
            &[Need::RealNode, Need::Gateway],
            gateway,
        ),
        case(
            "drivers_of_canaries_who_ask_prometheus",
            &[Need::Prometheus],
            prometheus,
        ),
        case(
            "drivers_of_canaries_who_ask_the_pods",
            &[Need::RealNode],
            scrape,
        ),
    ]
}

const BASE: &str = "groundcrew:rollout-canary";
const FILE: &str = "rollout-canary.yaml";

fn gateway(suite: &Suite) {
    let rights = Rights {
        roles: &["groundcrew:rollout-canary-gateway"],
        beside: &[BASE, "groundcrew:rollout-canary-plan"],
        commands: &[
            (
                "rollout-canary plan web 40 --traffic gateway --restart -n {}",
                0,
            ),
            (
                "rollout-canary web 40% --traffic gateway --restart -n {}",
                0,
            ),
            ("rollout-canary abort web -n {}", 0),
            ("rollout-canary doctor web -n {}", 0),
        ],
        order: Order::FirstTells,
        prepare: |suite, [name, _]| {
            let web = suite.serving_in(name, 3);
            let _way = web.route();
            let _way = web.grpc_route("2");
        },
        ..Rights::NOTHING
    };
    suite.proves(&suite.documented_rights(FILE), &rights);
}

/// Those that ask for numbers: without the right a canary is watched, and not judged by them.
fn asking(suite: &Suite, role: &str, command: &str, prepare: fn(&Suite, &[String; 2])) {
    let rights = Rights {
        roles: &[role],
        beside: &[BASE],
        commands: &[(command, 4)],
        order: Order::InTurn,
        prepare,
        ..Rights::NOTHING
    };
    suite.proves(&suite.documented_rights(FILE), &rights);
}

const COUNTERS: &str = "--bad http_requests_failed --total http_requests_total --smoke 2s -n {}";

fn prometheus(suite: &Suite) {
    let place = groundcrew_sandbox::addons::PROMETHEUS_SERVICE;
    asking(
        suite,
        "groundcrew:rollout-canary-prometheus",
        &format!(
            "rollout-canary web --steps 25 --prometheus {place} {COUNTERS} --image web=sandbox.local/sim:2"
        ),
        |suite, [name, _]| {
            let _web = suite.web_in(name, 4, Value::Null);
        },
    );
}

fn scrape(suite: &Suite) {
    asking(
        suite,
        "groundcrew:rollout-canary-scrape",
        &format!(
            "rollout-canary web --steps 25 --scrape :8080/metrics {COUNTERS} --image web=sandbox.local/web:2"
        ),
        |suite, [name, _]| {
            let _web = suite.serving_in(name, 3);
        },
    );
}
