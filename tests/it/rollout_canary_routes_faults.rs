//! Routes that `kubectl rollout-canary` was changing when it was killed.

use harness::{Case, Fault, Match, Need, Suite};

use crate::rollout_canary_faults::killed;
use crate::rollout_canary_routes::{is_as_before, route};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[
        Need::Plugins,
        Need::Controllers,
        Need::Sandbox,
        Need::RealNode,
        Need::Gateway,
    ];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_start_that_died_before_its_route_is_finished_by_resume",
            |suite| died(suite, &Fault::DieBefore, "resume web"),
        ),
        case(
            "a_start_that_died_after_its_route_is_taken_back_by_abort",
            |suite| died(suite, &Fault::DieAfter, "abort web"),
        ),
    ]
}

const START: &str = "web 40% --traffic gateway --image web=sandbox.local/web:2";

fn died(suite: &Suite, fault: &Fault, then: &str) {
    let through = suite.proxied();
    let web = suite.serving(4);
    let _way = web.route();
    let (before, untouched) = (web.snapshot(), route(&web));
    // Only writes say who the fields' manager is.
    let at_route = || Match {
        path: Some("/httproutes/web?fieldManager=".to_owned()),
        ..Match::default()
    };
    killed(suite, &web, START, &through, at_route(), fault);
    assert!(web.get("service web-rc-canary").is_some());
    let run = web.canary(then).run();
    if then.starts_with("resume") {
        run.success().answers("40% of the requests");
        // The way back dies after the route was put right, and before the pods go.
        let back = &Fault::DieAfter;
        killed(suite, &web, "abort web", &through, at_route(), back);
        assert_eq!(route(&web), untouched);
        let resumed = web.canary("resume web").run();
        resumed.success().answers("0 differences");
    } else {
        run.success().answers("0 differences");
    }
    assert_eq!(web.snapshot(), before);
    is_as_before(&web, &untouched);
    assert_eq!(web.sizes(), [("1".to_owned(), 4)].into());
    web.is_clean();
}
