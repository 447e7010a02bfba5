//! Routes that lead to a canary of which no record tells any more.

use harness::{Case, Need, Suite, eventually};
use serde_json::json;

use crate::rollout_canary_routes::route;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[
        Need::Plugins,
        Need::Controllers,
        Need::RealNode,
        Need::Gateway,
    ];
    vec![Case::new(
        "doctor_takes_a_route_back_of_which_no_record_tells_and_nothing_else",
        needs,
        left_over,
    )]
}

fn left_over(suite: &Suite) {
    let web = suite.serving(3);
    let way = web.route();
    let untouched = route(&web);
    let ((), answers) = web.under_load(&way, || {
        let words = "web 40% --traffic gateway --image web=sandbox.local/web:2";
        web.canary(words).run().success();
        web.kubectl("delete configmap rollout-canary.web")
            .run()
            .success();
        // Somebody else's, in the same object.
        web.kubectl("annotate httproute web who=me").run().success();
        let told = web.canary("doctor web").run();
        told.code(3)
            .answers("httproute/web")
            .answers("leads to service/web-rc-canary")
            .answers("leftover service");
        assert!(route(&web) != untouched, "it only looked");
        let fixed = web.canary("doctor web --fix -o json").run();
        let fixed = fixed.success().json();
        let findings = fixed["findings"].as_array().expect("findings");
        assert_eq!(findings.len(), 3, "{fixed}");
        assert!(findings.iter().all(|one| one["fixed"] == true), "{fixed}");
    });
    assert_eq!(answers.failed, 0, "requests were lost: {answers:?}");
    // The weight is what the share had made of it: of one backend it means the same.
    let mut found = route(&web);
    found["rules"][0]["backendRefs"][0]["weight"] = json!(1);
    assert_eq!(found, untouched);
    let annotations = web.get("httproute web").expect("the route is there");
    assert_eq!(annotations["metadata"]["annotations"]["who"], "me");
    assert!(web.get("service web-rc-canary").is_none());
    eventually("only stable pods are left", || {
        web.sizes() == [("1".to_owned(), 3)].into()
    });
    web.is_clean();
    let again = web.canary("doctor web").run();
    again.success().answers("nothing is left over");
}
