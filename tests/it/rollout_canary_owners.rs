//! `kubectl rollout-canary` beside whoever keeps the Deployment by server-side apply: at the end no
//! field is the plugin's, and the next release has no conflict.

use harness::{Case, Need, Suite, Web};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "after_an_abort_a_chart_has_no_conflict_and_can_drop_fields",
            aborted,
        ),
        case("after_a_promotion_a_chart_has_no_conflict", promoted),
        case("after_undo_a_chart_has_no_conflict", undone),
        case(
            "another_field_manager_is_used_and_nothing_stays_its_own",
            named,
        ),
    ]
}

/// The chart's Deployment, as Helm 4 sends it.
fn chart(web: &Web<'_>, surge: i64, image: &str) -> Value {
    let strategy = json!({"maxSurge": surge, "maxUnavailable": 0});
    web.manifest(4, strategy, image)
}

fn release(web: &Web<'_>, manifest: &Value) {
    let apply = "apply --server-side --field-manager=helm -f -";
    let run = web.kubectl(apply).stdin(&manifest.to_string()).run();
    run.success();
    let rolled = "rollout status deployment/web --timeout=100s";
    web.kubectl(rolled).run().success();
}

/// Returns a Deployment that a chart has made.
fn released(suite: &Suite) -> Web<'_> {
    let web = suite.web(4, Value::Null);
    web.kubectl("delete deployment web").run().success();
    let mut manifest = chart(&web, 1, "sandbox.local/sim:1");
    manifest["spec"]["minReadySeconds"] = json!(1);
    release(&web, &manifest);
    web
}

/// Returns who owns what, without times and without status.
fn owners(web: &Web<'_>) -> Vec<Value> {
    let run = web
        .kubectl("get deployment web -o json --show-managed-fields")
        .run();
    let fields = run.json()["metadata"]["managedFields"].clone();
    let mut fields = fields.as_array().cloned().unwrap_or_default();
    fields.retain(|entry| entry["subresource"].is_null());
    for entry in &mut fields {
        entry["time"] = Value::Null;
    }
    fields
}

#[track_caller]
fn nothing_is_ours(web: &Web<'_>) {
    for entry in owners(web) {
        let manager = entry["manager"].as_str().unwrap_or_default().to_owned();
        assert!(!manager.contains("rollout-canary"), "{entry:#}");
    }
}

fn aborted(suite: &Suite) {
    let web = released(suite);
    let before = owners(&web);
    web.start("25%").success();
    let meanwhile: Vec<Value> = owners(&web);
    let ours = |entry: &Value| entry["manager"] == "groundcrew-rollout-canary";
    assert!(meanwhile.iter().any(ours), "{meanwhile:#?}");
    web.canary("abort web")
        .run()
        .success()
        .answers("0 differences");
    assert_eq!(owners(&web), before);
    // The chart drops minReadySeconds and changes what the canary had changed.
    release(&web, &chart(&web, 2, "sandbox.local/sim:3"));
    assert!(web.deployment()["spec"]["minReadySeconds"].is_null());
    web.is_clean();
}

fn promoted(suite: &Suite) {
    let web = released(suite);
    web.start("25%").success();
    web.canary("promote web")
        .run()
        .success()
        .answers("promoted");
    nothing_is_ours(&web);
    release(&web, &chart(&web, 2, "sandbox.local/sim:3"));
    assert_eq!(web.sizes(), [("3".to_owned(), 4)].into());
    web.is_clean();
}

fn named(suite: &Suite) {
    let web = released(suite);
    let before = owners(&web);
    let refused = "web 25% --restart --field-manager kubectl-x";
    web.canary(refused).run().code(2).says("Flux");
    let is_by = |name: &str| owners(&web).iter().any(|entry| entry["manager"] == name);
    // Helm's own name, too: what it applied is not what was patched.
    for (manager, end) in [("ci bot/7", "abort web"), ("helm", "abort web")] {
        web.canary("web 25% --restart")
            .args(["--field-manager", manager])
            .run()
            .success();
        assert!(is_by(manager) && !is_by("groundcrew-rollout-canary"));
        // Another person ends it, and does not know the name.
        web.canary(end).run().success().answers("0 differences");
        assert_eq!(owners(&web), before, "{manager}");
    }
    web.is_clean();
}

fn undone(suite: &Suite) {
    let web = released(suite);
    release(&web, &chart(&web, 1, "sandbox.local/sim:2"));
    web.canary("undo web").run().success();
    nothing_is_ours(&web);
    release(&web, &chart(&web, 2, "sandbox.local/sim:3"));
    web.is_clean();
}
