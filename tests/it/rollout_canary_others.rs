//! `kubectl rollout-canary` and what others do to the same Deployment meanwhile.

use harness::{Case, Need, Suite, Web, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_third_template_is_left_alone_or_put_back_as_told",
            third_template,
        ),
        case(
            "a_manifest_that_is_applied_again_is_recognized",
            old_manifest,
        ),
        case("a_rollout_resume_takes_the_canary_back", resumed),
        case(
            "autoscalers_and_downscalers_never_give_the_canary_more",
            scaled,
        ),
        case(
            "with_no_more_pods_than_replicas_it_is_the_same",
            scaled_without_surge,
        ),
        case("a_hold_without_a_record_is_found_and_let_go", orphan),
        case("a_deployment_made_anew_has_no_canary", recreated),
        case("break_glass_aborts_without_the_plugin", break_glass),
        case(
            "undo_goes_to_any_revision_and_is_refused_with_a_canary",
            undo,
        ),
    ]
}

fn parked<'a>(suite: &'a Suite, words: &str) -> (Value, Web<'a>) {
    let web = suite.web(10, json!({"maxSurge": 3, "maxUnavailable": 0}));
    let before = web.snapshot();
    web.start(words).success().answers("parked");
    (before, web)
}

/// Checks that every command that would write keeps its hands off.
#[track_caller]
fn hands_off(web: &Web<'_>, says: &str) {
    let version = || web.deployment()["metadata"]["generation"].clone();
    let before = version();
    for words in ["web 30%", "resume web", "promote web"] {
        let run = web.canary(words).run();
        run.code(5).says(says).says("hint:");
    }
    assert_eq!(version(), before, "nothing is written");
    let status = web.canary("status web -o json").run();
    assert_eq!(status.code(3).json()["phase"], "Conflict");
}

fn third_template(suite: &Suite) {
    let (before, web) = parked(suite, "10%");
    let third = "set image deployment/web web=sandbox.local/sim:3";
    web.kubectl(third).run().success();
    hands_off(&web, "changed the template");
    assert_eq!(web.sizes()["2"], 1, "the canary stays as it is");
    web.canary("abort web").run().code(5);
    let back = web.canary("abort web --force-conflicts").run();
    back.success().answers("0 differences");
    assert_eq!(web.snapshot(), before);
    web.is_clean();

    web.start("10%").success();
    web.kubectl(third).run().success();
    web.canary("abort web --keep-spec").run().success();
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    assert_eq!(web.sizes(), [("3".to_owned(), 10)].into());
    web.is_clean();
}

pub(crate) fn old_manifest(suite: &Suite) {
    let (before, web) = parked(suite, "10%");
    // Server-side and by force, with another strategy, as a pipeline would.
    let strategy = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
    web.apply(&web.manifest(10, strategy, "sandbox.local/sim:1"));
    hands_off(&web, "spec.strategy");
    let sizes = web.sizes();
    assert!(sizes["2"] <= 2 && sizes["1"] >= 10, "{sizes:?}");
    web.canary("abort web --force-conflicts")
        .run()
        .success()
        .answers("0 differences");
    assert_eq!(web.snapshot(), before);
    web.is_clean();
}

pub(crate) fn resumed(suite: &Suite) {
    let (before, web) = parked(suite, "10%");
    let watcher = web.watch();
    web.kubectl("rollout resume deployment/web").run().success();
    eventually("the canary goes", || {
        web.sizes() == [("1".to_owned(), 10)].into()
    });
    hands_off(&web, "resumed");
    web.aborts();
    assert_eq!(web.snapshot(), before);
    web.is_clean();
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 10, "{seen:?}");
}

pub(crate) fn scaled(suite: &Suite) {
    let rows = [(12, (13, 1)), (10, (11, 1)), (8, (9, 1)), (10, (11, 1))];
    scaled_to(suite, "10%", &rows, 0);
}

fn scaled_without_surge(suite: &Suite) {
    let rows = [
        (8, (7, 1)),
        (12, (11, 1)),
        (6, (5, 1)),
        (14, (12, 2)),
        (9, (8, 1)),
        (10, (9, 1)),
    ];
    scaled_to(suite, "10% --layout replace", &rows, 1);
}

/// Scales through rows of replicas, and then so low that no canary is left.
fn scaled_to(suite: &Suite, start: &str, rows: &[(i64, (i64, i64))], low: i64) {
    let (_, web) = parked(suite, start);
    let scale = |replicas: i64| {
        let scale = format!("scale deployment/web --replicas={replicas}");
        web.kubectl(&scale).run().success();
        let observed = || {
            let deployment = web.deployment();
            let status = &deployment["status"];
            let sizes: i64 = web.sizes().values().sum();
            status["observedGeneration"] == deployment["metadata"]["generation"]
                && status["replicas"].as_i64().unwrap_or_default() == sizes
        };
        eventually("it is scaled", observed);
        let sizes = web.sizes();
        let get = |tag: &str| sizes.get(tag).copied().unwrap_or_default();
        (get("1"), get("2"))
    };
    for (replicas, split) in rows {
        assert_eq!(scale(*replicas), *split, "scaled to {replicas}");
        let status = web.canary("status web -o json").run().success().json();
        assert_eq!(
            (&status["phase"], &status["parked"]),
            (&json!("Holding"), &json!(true))
        );
    }
    assert_eq!(scale(low), (low, 0));
    assert_eq!(scale(10), (10, 0), "what comes back is stable");
    web.canary("resume web").run().code(5).says("gone");
    web.canary("abort web").run().success();
    web.is_clean();
}

fn orphan(suite: &Suite) {
    let (_, web) = parked(suite, "10%");
    web.kubectl("delete configmap rollout-canary.web")
        .run()
        .success();
    let status = web.canary("status web -o json").run();
    assert_eq!(status.code(3).json()["phase"], "Orphan");
    web.start("10%").code(5).says("doctor");
    web.canary("doctor web")
        .run()
        .code(3)
        .answers("leftover label");
    web.canary("doctor web --fix")
        .run()
        .success()
        .answers("fixed");
    eventually("only stable pods are left", || {
        web.sizes() == [("1".to_owned(), 10)].into()
    });
    web.is_clean();
    web.canary("doctor web")
        .run()
        .success()
        .answers("nothing is left over");
}

fn recreated(suite: &Suite) {
    let (_, web) = parked(suite, "10%");
    web.kubectl("delete deployment web").run().success();
    web.apply(&web.manifest(3, Value::Null, "sandbox.local/sim:1"));
    web.kubectl("rollout status deployment/web --timeout=60s")
        .run()
        .success();
    // The record is the old Deployment's, and goes with it sooner or later.
    let run = web.canary("promote web").run();
    assert!([Some(1), Some(5)].contains(&run.code), "{run}");
    eventually("the record goes", || {
        web.canary("doctor web --fix").run().code == Some(0)
            && web.get("configmap rollout-canary.web").is_none()
    });
    web.start("30%").success();
    web.canary("abort web").run().success();
    web.is_clean();
}

fn break_glass(suite: &Suite) {
    for layout in ["surge", "replace"] {
        let (before, web) = parked(suite, &format!("10% --layout {layout}"));
        let watcher = web.watch();
        let lines = web.canary("break-glass web").run().success().stdout.clone();
        let kept = web.get("configmap rollout-canary.web").expect("the record");
        assert_eq!(kept["data"]["break-glass"], lines);
        let kubectl = suite.cluster().kubectl();
        let bin = kubectl.parent().expect("a directory").display().to_string();
        let run = suite
            .program(std::path::Path::new("/bin/sh"))
            .args(["-ec", &lines]);
        let run = run
            .env("PATH", format!("{bin}:/usr/bin:/bin"))
            .kubeconfig(suite.cluster().kubeconfig());
        run.run().success();
        assert_eq!(web.snapshot(), before, "{layout}");
        assert_eq!(web.sizes(), [("1".to_owned(), 10)].into());
        web.is_clean();
        let seen = watcher.seen();
        assert!(seen.fewest_ready >= 10, "{layout}: {seen:?}");
    }
}

fn undo(suite: &Suite) {
    let (_, web) = parked(suite, "10%");
    for words in ["rollout undo", "rollout restart"] {
        let refused = web.kubectl(&format!("{words} deployment/web")).run();
        assert_ne!(refused.code, Some(0), "{refused}");
    }
    web.canary("undo web")
        .run()
        .code(5)
        .says("canary under way");
    web.canary("history web").run().success().answers("canary");
    web.canary("promote web").run().success();
    web.canary("undo web").run().success();
    web.kubectl("rollout status deployment/web --timeout=60s")
        .run()
        .success();
    assert_eq!(web.sizes(), [("1".to_owned(), 10)].into());
    web.is_clean();
    web.canary("undo web --to-revision 99")
        .run()
        .code(2)
        .says("no revision 99");
}
