//! A dry run of `kubectl rollout-canary` says what the run after it says, step by step.

use std::collections::BTreeSet;

use harness::{Case, Fault, Match, Need, Output, Suite, Web, eventually};
use serde_json::Value;

use crate::rollout_canary_faults::killed;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, needs: &[Need], body: fn(&Suite)| {
        let name = format!("a_dry_run_of_{name}_says_what_the_run_says");
        Case::new(&name, needs, body)
    };
    vec![
        case("a_start_and_of_moves", needs, weights),
        case("a_rollout_in_steps", needs, steps),
        case("a_promotion", needs, promote),
        case("an_abort", needs, abort),
        case("resume", needs, resume),
        case("undo", needs, undo),
        case("doctor", needs, doctor),
        case(
            "a_share_of_a_route",
            &[needs as &[Need], &[Need::RealNode, Need::Gateway]].concat(),
            routes,
        ),
    ]
}

/// What a run says: each step with what comes of it, and how it ends.
type Said = BTreeSet<(String, String)>;

const IMAGE: &str = "--image web=sandbox.local/sim:2";

/// Runs a command dry in both ways, neither of which writes anything, and then for good; compares
/// what the three say, and returns that.
#[track_caller]
fn same(web: &Web<'_>, state: &str, words: &str) -> Said {
    let dry = |mode: &str| {
        let before = written(web);
        let run = web.canary(&format!("{words} --dry-run={mode}")).run();
        assert_eq!(written(web), before, "{state}: it wrote something\n{run}");
        run
    };
    let (client, server) = (dry("client"), dry("server"));
    let real = web.canary(words).run();
    let said = said(&real, "");
    for (mode, dry, suffix) in [
        ("client", &client, " (dry run)"),
        ("server", &server, " (server dry run)"),
    ] {
        let shown = format!("{state}, {mode}\n{dry}\n{real}");
        assert_eq!(dry.code, real.code, "{shown}");
        assert_eq!(self::said(dry, suffix), said, "{shown}");
    }
    said
}

/// What the user or the plugin wrote of the Deployment, and the record.
fn written(web: &Web<'_>) -> (Option<Value>, Value) {
    let record = web.get("configmap rollout-canary.web");
    let deployment = web.get("deployment web").unwrap_or_default();
    (
        record.map(|record| record["data"].clone()),
        deployment["spec"].clone(),
    )
}

/// Reads the steps from stderr, and the end from the first words on stdout or of the error.
#[track_caller]
fn said(output: &Output, suffix: &str) -> Said {
    let steps = output
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("✔ "));
    let mut said: Said = steps
        .map(|step| {
            let (what, detail) = step.split_once("   ").expect("what, and what came of it");
            let detail = detail.trim();
            let detail = detail.strip_suffix(suffix).unwrap_or_else(|| {
                panic!("{detail:?} does not end with {suffix:?}\n{output}");
            });
            (what.to_owned(), detail.to_owned())
        })
        .collect();
    let error = output.stderr.lines().find(|line| line.starts_with("error"));
    if let Some(error) = error.filter(|_| output.stdout.is_empty()) {
        said.insert(("error".to_owned(), error.to_owned()));
    }
    let end = output.stdout.split([':', '(']).next().unwrap_or_default();
    // The requests that a route adds to the pods' share have a line of their own.
    let end = end.split(" of the pods").next().unwrap_or_default();
    if [
        "parked",
        "held",
        "promoted",
        "aborted",
        "deployment.apps/web",
    ]
    .iter()
    .any(|word| end.starts_with(word))
    {
        said.insert(("end".to_owned(), end.trim().to_owned()));
    }
    said
}

/// The same for a start, which answers with the plan when it is run dry.
#[track_caller]
fn same_start(web: &Web<'_>, state: &str, words: &str) -> Said {
    let before = written(web);
    let dry = [("client", " (dry run)"), ("server", " (server dry run)")].map(|(mode, suffix)| {
        let run = web.canary(&format!("{words} --dry-run={mode}")).run();
        run.success().answers("PARKED");
        said(&run, suffix)
    });
    assert_eq!(written(web), before, "{state}: a dry run wrote something");
    let real = web.canary(words).run();
    let mut said = said(real.success(), "");
    said.retain(|(what, _)| what != "end");
    for dry in dry {
        assert_eq!(dry, said, "{state}\n{real}");
    }
    said
}

fn has(said: &Said, what: &str) -> bool {
    said.iter().any(|(step, _)| step == what)
}

fn weights(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(10, Value::Null);
    let fresh = same_start(&web, "fresh", &format!("web 10% {IMAGE}"));
    assert!(has(&fresh, "canary pods requested") && has(&fresh, "rollout parked"));
    let done = same(&web, "done", "web 10%");
    assert_eq!(
        done,
        [("end".to_owned(), "parked at 8.3%".to_owned())].into(),
        "nothing is left to do"
    );
    same(&web, "another weight", "web 20%");
    same(&web, "a weight with less room", "web 50%");
    same(&web, "back to a smaller one", "web 10%");
    let met = killed(
        suite,
        &web,
        "web 40%",
        &through,
        Match::write(3),
        &Fault::DieAfter,
    );
    assert!(met, "the move has that many writes");
    same(&web, "half-done", "web 40%");
    web.kubectl("scale deployment web --replicas=12")
        .run()
        .success();
    settled(&web, 12);
    same(&web, "drifted: scaled", "web 40%");
    web.kubectl("set image deployment/web web=sandbox.local/sim:3")
        .run()
        .success();
    let conflict = same(&web, "drifted: another template", "web 20%");
    assert!(has(&conflict, "error"), "{conflict:?}");
}

fn steps(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let words = format!("web --steps 25,50,100 --smoke 2s --auto promote {IMAGE}");
    let all = same_start(&web, "fresh", &words);
    assert!(has(&all, "step 2 of 3") && has(&all, "promotion started"));
}

fn promote(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    let none = same(&web, "without a canary", "promote web");
    assert!(has(&none, "error"));
    web.start("20%").success();
    same(&web, "parked", "promote web");
    web.kubectl("rollout undo deployment/web").run().success();
    web.kubectl("rollout status deployment/web --timeout=100s")
        .run()
        .success();
    web.start("20%").success();
    let met = killed(
        suite,
        &web,
        "promote web",
        &through,
        Match::write(2),
        &Fault::DieAfter,
    );
    assert!(met, "a promotion has that many writes");
    same(&web, "half-done", "promote web");
}

fn abort(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    web.start("20%").success();
    same(&web, "parked", "abort web");
    web.is_clean();
    web.start("40%").success();
    let met = killed(
        suite,
        &web,
        "abort web",
        &through,
        Match::write(2),
        &Fault::DieAfter,
    );
    assert!(met, "an abort has that many writes");
    same(&web, "half-done", "abort web");
    web.is_clean();
    web.start("20%").success();
    web.kubectl("set image deployment/web web=sandbox.local/sim:3")
        .run()
        .success();
    let conflict = same(&web, "drifted", "abort web");
    assert!(has(&conflict, "error"), "{conflict:?}");
    same(
        &web,
        "drifted, and overwritten",
        "abort web --force-conflicts",
    );
    web.is_clean();
}

fn resume(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(10, Value::Null);
    web.start("10%").success();
    same(&web, "done", "resume web");
    for write in [2, 3] {
        let met = killed(
            suite,
            &web,
            "web 50%",
            &through,
            Match::write(write),
            &Fault::DieBefore,
        );
        assert!(met, "the move has that many writes");
        same(&web, &format!("died before write {write}"), "resume web");
        web.canary("web 10%").run().success();
    }
}

fn undo(suite: &Suite) {
    let web = suite.web(3, Value::Null);
    let only = same(&web, "one revision", "undo web");
    assert!(has(&only, "error"));
    web.start("50%").success();
    let refused = same(&web, "with a canary", "undo web");
    assert!(has(&refused, "error"));
    web.canary("promote web").run().success();
    let back = same(&web, "two revisions", "undo web");
    assert!(has(&back, "end"), "{back:?}");
    web.kubectl("rollout status deployment/web --timeout=100s")
        .run()
        .success();
    let history = web.canary("history web -o json").run().success().json();
    let revisions = history["revisions"].as_array().expect("revisions");
    let current = revisions.iter().find(|one| one["current"] == true);
    let number = &current.expect("one is current")["revision"];
    let words = format!("undo web --to-revision {number}");
    web.canary(&words).run().success().answers("unchanged");
    same(&web, "the current revision", &words);
}

fn doctor(suite: &Suite) {
    let web = suite.web(5, Value::Null);
    let nothing = same_fix(&web, "nothing to fix", 0);
    assert!(nothing.is_empty(), "{nothing:?}");
    web.start("20%").success();
    web.kubectl("delete configmap rollout-canary.web")
        .run()
        .success();
    let fixed = same_fix(&web, "a hold without a record", 3);
    assert!(has(&fixed, "deployment.apps/web"), "{fixed:?}");
    eventually("only stable pods are left", || {
        web.sizes() == [("1".to_owned(), 5)].into()
    });
    web.is_clean();
}

/// Compares the repairs of `doctor --fix`; a dry run leaves everything to be fixed.
#[track_caller]
fn same_fix(web: &Web<'_>, state: &str, unfixed: i32) -> Said {
    let before = written(web);
    let dry = [("client", " (dry run)"), ("server", " (server dry run)")].map(|(mode, suffix)| {
        let run = web
            .canary(&format!("doctor web --fix --dry-run={mode}"))
            .run();
        said(run.code(unfixed), suffix)
    });
    assert_eq!(written(web), before, "{state}: a dry run wrote something");
    let real = web.canary("doctor web --fix").run();
    let said = said(real.success(), "");
    for dry in dry {
        assert_eq!(dry, said, "{state}\n{real}");
    }
    said
}

fn routes(suite: &Suite) {
    let web = suite.serving(3);
    let _way = web.route();
    let start = "web 40% --traffic gateway --image web=sandbox.local/web:2";
    let given = same_start(&web, "fresh", start);
    assert!(has(&given, "httproute/web"), "{given:?}");
    same(&web, "done", "web 40%");
    let back = same(&web, "given", "abort web");
    assert!(has(&back, "httproute/web"), "{back:?}");
    web.canary(start).run().success();
    web.kubectl("delete httproute web").run().success();
    same(&web, "drifted: the route is gone", "abort web");
    web.is_clean();
}

/// Waits until the controllers have scaled it.
fn settled(web: &Web<'_>, replicas: i64) {
    eventually("it is scaled", || {
        let deployment = web.deployment();
        let (status, generation) = (&deployment["status"], &deployment["metadata"]["generation"]);
        let (stable, canary) = web.split();
        status["observedGeneration"] == *generation
            && status["readyReplicas"] == status["replicas"]
            && stable + canary >= replicas
    });
}
