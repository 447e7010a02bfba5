//! `kubectl rollout-canary` from its first pod to its last, on a real controller-manager.

use harness::{Case, Need, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_weight_is_reached_parked_and_promoted_pod_by_pod", whole),
        case("an_abort_leaves_no_difference_from_any_phase", aborts),
        case("a_pending_template_is_tried_and_kept_by_abort", pending),
        case(
            "what_blocks_a_canary_is_said_before_anything_is_written",
            refusals,
        ),
        case("a_plan_comes_true_pod_by_pod", plan),
        case("a_rollout_in_steps_ends_with_the_promotion", steps),
        case("bad_canaries_of_every_kind_are_found_and_rolled_back", bad),
        case(
            "a_canary_that_cannot_be_tried_is_rolled_back_with_exit_4",
            untried,
        ),
    ]
}

fn whole(suite: &Suite) {
    let web = suite.web(10, Value::Null);
    let before = web.snapshot();
    let watcher = web.watch();
    let started = web.start("10%");
    started.success().answers("parked at 8.3%");
    assert_eq!(web.split(), (11, 1));
    // Once more: nothing to do, and nothing is done.
    let generation = || web.deployment()["metadata"]["generation"].as_i64();
    let first = generation();
    web.start("10%").success();
    assert_eq!(generation(), first, "nothing is written when all is there");
    // Parked, the Deployment is what the user wrote but for paused and the strategy.
    let parked = web.snapshot();
    for field in [
        "template",
        "minReadySeconds",
        "progressDeadlineSeconds",
        "replicas",
    ] {
        assert_eq!(parked["spec"][field], before["spec"][field], "{field}");
    }
    web.canary("web 20%").run().success();
    assert_eq!(web.split(), (11, 2));
    web.canary("web 40%").run().success();
    assert_eq!(web.split(), (6, 4));
    let canaries = web.pods_of("2");
    web.canary("promote web")
        .run()
        .success()
        .answers("promoted");
    let promoted = web.pods_of("2");
    assert!(
        canaries.iter().all(|pod| promoted.contains(pod)),
        "the pods that were observed stay"
    );
    assert_eq!(web.sizes(), [("2".to_owned(), 10)].into());
    web.is_clean();
    assert_eq!(
        web.deployment()["spec"]["strategy"],
        before["spec"]["strategy"]
    );
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 10, "{seen:?}");
    let status = web.canary("status web -o json").run().success().json();
    assert_eq!(status["phase"], "Idle");
    web.canary("status web --for idle --timeout 9s")
        .run()
        .success();
    // Later goings back bring no hold and no mark.
    for revision in ["1", "2"] {
        let undo = format!("rollout undo deployment/web --to-revision={revision}");
        let _ = web.kubectl(&undo).run();
        web.kubectl("rollout status deployment/web --timeout=60s")
            .run()
            .success();
        web.is_clean();
    }
}

fn aborts(suite: &Suite) {
    let web = suite.web(10, json!({"maxSurge": 2, "maxUnavailable": 1}));
    let before = web.snapshot();
    for start in ["10%", "40%", "20% --layout replace"] {
        let watcher = web.watch();
        web.start(start).success();
        let abort = web.canary("abort web --reason test").run();
        abort.success().answers("0 differences");
        assert_eq!(web.snapshot(), before, "after {start}");
        assert_eq!(web.sizes(), [("1".to_owned(), 10)].into());
        web.is_clean();
        let seen = watcher.seen();
        assert!(
            seen.fewest_ready >= 10 && seen.most <= 12,
            "{start}: {seen:?}"
        );
    }
}

fn pending(suite: &Suite) {
    let web = suite.web(5, Value::Null);
    web.kubectl("rollout pause deployment/web").run().success();
    web.kubectl("set image deployment/web web=sandbox.local/sim:2")
        .run()
        .success();
    let before = web.snapshot();
    web.canary("web 20%").run().success().answers("parked");
    assert_eq!(web.sizes()["2"], 1);
    web.aborts();
    assert_eq!(web.snapshot(), before);
    assert_eq!(web.sizes(), [("1".to_owned(), 5)].into());
}

fn refusals(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let before = web.deployment()["metadata"]["resourceVersion"].clone();
    let run = |words: &str| web.canary(words).run();
    run("web").success().answers("no canary");
    run("web --restart").code(2).says("weight is required");
    run("web 10%")
        .code(2)
        .no_answer()
        .says("nothing to roll out");
    run("web 10% --image web=sandbox.local/sim:1")
        .code(2)
        .says("the same");
    run("web 10% --image app=x")
        .code(2)
        .says("no container \"app\"")
        .says("web");
    run("web 100% --restart").code(2).says("promote");
    run("sts/web 10% --restart").code(2).says("Deployment");
    run("nobody 10% --restart").code(1).says("NotFound");
    run("abort web").success().answers("nothing to roll back");
    run("resume web").success().answers("nothing to resume");
    run("promote web").code(1).says("has no canary");
    run("web 10% --patch {").code(2).says("--patch");
    run("plan web 10% -o json").success();
    assert_eq!(web.deployment()["metadata"]["resourceVersion"], before);
    assert!(web.get("configmap rollout-canary.web").is_none());
    let small = suite.web(1, Value::Null);
    small
        .start("10%")
        .code(2)
        .says("--accept-weight")
        .says("50%");
    small
        .start("10% --accept-weight")
        .success()
        .answers("held at 50%");
    assert_eq!(small.split(), (1, 1));
    small.aborts();
    small.is_clean();
}

fn plan(suite: &Suite) {
    let web = suite.web(5, Value::Null);
    // A pod counts once it has been Ready for a while, here too.
    web.kubectl(r#"patch deployment web -p {"spec":{"minReadySeconds":2}}"#)
        .run()
        .success();
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    let plan = web
        .canary("plan web 20,40 --restart -o json")
        .run()
        .success()
        .json();
    let steps = plan["steps"].as_array().expect("steps");
    let watcher = web.watch();
    for step in steps {
        let asked = step["asked"].as_f64().expect("a weight");
        let change = if asked < 21.0 { "--restart" } else { "" };
        web.canary(&format!("web {asked}% {change}"))
            .run()
            .success();
        let split = (step["stable"].as_i64(), step["canary"].as_i64());
        let (stable, canary) = web.split();
        assert_eq!(split, (Some(stable), Some(canary)), "{step}");
        assert_eq!(step["parked"], true);
    }
    let number = |value: &Value| value.as_u64().expect("a number");
    let patches = steps.iter().flat_map(|step| step["patches"].as_array());
    let most = patches.flatten().map(|patch| number(&patch["mostPods"]));
    let most = most.max().expect("a patch");
    let seen = watcher.seen();
    assert!(seen.most as u64 <= most, "{seen:?} {plan}");
    web.canary("promote web").run().success();
    let seen = watcher.seen();
    assert!(seen.most as u64 <= number(&plan["promotion"]["mostPods"]));
    assert!(number(&plan["promotion"]["mostPods"]) <= number(&plan["mostPods"]));
    assert!(seen.fewest_ready as u64 >= number(&plan["fewestReady"]));
    assert_eq!(plan["rightsMissing"], json!([]));
    assert_eq!(web.deployment()["spec"]["minReadySeconds"], 2);
    web.is_clean();
}

fn steps(suite: &Suite) {
    let web = suite.web(5, Value::Null);
    let watcher = web.watch();
    let words = "web --steps 20,40,100 --smoke 1s --auto promote --image web=sandbox.local/sim:2";
    web.canary(words)
        .run()
        .success()
        .says("step 2 of 3")
        .answers("promoted");
    assert_eq!(web.sizes(), [("2".to_owned(), 5)].into());
    web.is_clean();
    let seen = watcher.seen();
    assert!(seen.fewest_ready >= 5, "{seen:?}");
    // Held at the first, from any terminal on to the last, where it waits for a person.
    let words = "web --steps 20,40 --smoke 1s --detach --image web=sandbox.local/sim:3";
    web.canary(words).run().success();
    let (_, first) = web.split();
    web.canary("resume web").run().success().answers("parked");
    let (_, last) = web.split();
    assert!(first < last, "{first} {last}");
    web.aborts();
    web.is_clean();
}

fn bad(suite: &Suite) {
    let web = suite.web(5, Value::Null);
    let before = web.snapshot();
    for (tag, says, code) in [
        ("crash", "CrashLoopBackOff", 3),
        ("oom", "OOMKilled", 3),
        // An image that cannot be pulled says nothing about the version.
        ("errpull", "ImagePull", 4),
        ("unready", "never Ready", 3),
    ] {
        let watcher = web.watch();
        // A crash comes a second after the pod was Ready: it is watched for that long.
        let image = format!("--image web=sandbox.local/sim:{tag}");
        let words = format!("web --steps 20 --smoke 10s --ready-within 5s {image}");
        let run = web.canary(&words).run();
        run.code(code).says(says).says("rolled back");
        assert_eq!(web.snapshot(), before, "{tag}");
        assert_eq!(web.sizes(), [("1".to_owned(), 5)].into());
        let seen = watcher.seen();
        // Beside the canary there are as many stable pods as replicas, at every moment.
        assert!(seen.fewest_ready >= 5, "{tag}: {seen:?}");
        web.is_clean();
    }
}

fn untried(suite: &Suite) {
    let web = suite.web(3, Value::Null);
    let before = web.snapshot();
    web.kubectl("create quota small --hard=pods=3")
        .run()
        .success();
    web.start("20%").code(3).says("resourcequota/small");
    let run = web.start("20% --accept-quota --ready-within 5s");
    run.code(4).says("exceeded quota");
    web.kubectl("delete quota small").run().success();
    let patch = r#"{"spec":{"template":{"spec":{"nodeSelector":{"no":"where"}}}}}"#;
    let run = web
        .canary("web 20% --ready-within 10s")
        .args(["--patch", patch])
        .run();
    run.code(4).says("Unschedulable");
    assert_eq!(web.snapshot(), before);
    assert_eq!(web.sizes(), [("1".to_owned(), 3)].into());
    web.is_clean();
}
