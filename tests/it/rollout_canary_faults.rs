//! `kubectl rollout-canary` when the network or the machine gives up in the middle, and in races.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::{Case, Fault, Match, Need, Output, Proxied, Rule, Run, Suite, Web, eventually};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case(
            "a_start_that_died_before_any_write_is_finished_by_resume",
            |suite| {
                dying(suite, &Fault::DieBefore);
            },
        ),
        case(
            "a_start_that_died_after_any_write_is_finished_by_resume",
            |suite| {
                dying(suite, &Fault::DieAfter);
            },
        ),
        case(
            "an_abort_that_died_at_any_write_is_finished_by_resume",
            dying_abort,
        ),
        case("a_lost_answer_to_any_write_changes_nothing", lost),
        case("a_server_that_is_busy_is_waited_for", busy),
        case(
            "of_two_that_start_one_acts_and_the_other_writes_nothing",
            race,
        ),
        case("a_driver_that_slept_past_its_lease_writes_nothing", asleep),
        case("an_abort_asks_the_driver_that_is_at_work", asked),
    ]
}

const START: &str = "web 40% --image web=sandbox.local/sim:2";

fn start(web: &Web<'_>, through: &Proxied) -> Output {
    web.canary(START).kubeconfig(&through.kubeconfig).run()
}

pub(crate) fn generation(web: &Web<'_>) -> i64 {
    let deployment = web.deployment();
    deployment["metadata"]["generation"]
        .as_i64()
        .unwrap_or_default()
}

pub(crate) fn has_record(web: &Web<'_>) -> bool {
    web.get("configmap rollout-canary.web").is_some()
}

/// Runs the plugin, and kills it once the fault has met its request; says whether it has.
pub(crate) fn killed(
    suite: &Suite,
    web: &Web<'_>,
    words: &str,
    through: &Proxied,
    on: Match,
    fault: &Fault,
) -> bool {
    through.proxy.forget();
    through.proxy.add(Rule::once(on, fault.clone()));
    let mut child = spawn(suite, web, words, through);
    let met = || {
        through
            .proxy
            .log()
            .iter()
            .any(|entry| entry.fault.is_some())
    };
    eventually("the fault or the end", || {
        met() || child.try_wait().is_ok_and(|ended| ended.is_some())
    });
    // What is to be carried out is given the time for it; it may have ended by itself.
    std::thread::sleep(Duration::from_millis(300));
    let _ = child.kill();
    child.wait().expect("it ends");
    through.proxy.heal();
    met()
}

pub(crate) fn spawn(suite: &Suite, web: &Web<'_>, words: &str, through: &Proxied) -> Child {
    spawn_as(suite, web, words, &through.kubeconfig)
}

/// Starts the plugin, and leaves it at work.
pub(crate) fn spawn_as(suite: &Suite, web: &Web<'_>, words: &str, kubeconfig: &Path) -> Child {
    Command::new(suite.plugin("kubectl-rollout_canary"))
        .args(words.split_whitespace())
        .args(["-n", &web.namespace])
        .env("KUBECONFIG", kubeconfig)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the plugin can be started")
}

fn dying(suite: &Suite, fault: &Fault) {
    let through = suite.proxied();
    let base = suite.web(5, Value::Null);
    start(&base, &through).success();
    let split = base.sizes();
    let web = base;
    let clean = generation(&web) - 1;
    web.canary("abort web").run().success();
    for k in 1..=START_WRITES {
        let before = generation(&web);
        let watcher = web.watch();
        killed(suite, &web, START, &through, Match::write(k), fault);
        if has_record(&web) {
            let resumed = web.canary("resume web").run();
            assert_eq!(resumed.code, Some(0), "write {k}\n{resumed}");
            assert_eq!(web.sizes(), split, "write {k}\n{resumed}");
            let changes = generation(&web) - before;
            assert!(changes <= clean + 1, "write {k}: {changes} > {clean} + 1");
            let seen = watcher.seen();
            assert!(
                seen.fewest_ready >= 5 && seen.most <= 7,
                "write {k}: {seen:?}"
            );
            web.aborts();
        } else {
            // Killed before the first write arrived, and nothing was written.
            assert_eq!(k, 1, "no record");
        }
        web.is_clean();
    }
}

fn dying_abort(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for k in 1..=ABORT_WRITES {
            let before = web.snapshot();
            let watcher = web.watch();
            web.start("20%").success();
            killed(suite, &web, "abort web", &through, Match::write(k), &fault);
            if has_record(&web) {
                web.canary("resume web").run().success();
            }
            if has_record(&web) {
                // The wish was never noted: what was resumed is the canary.
                assert!(k == 1 && fault == Fault::DieBefore, "write {k} {fault:?}");
                web.canary("abort web").run().success();
            }
            assert_eq!(web.snapshot(), before, "write {k} {fault:?}");
            let seen = watcher.seen();
            assert!(seen.fewest_ready >= 5, "write {k} {fault:?}: {seen:?}");
            web.is_clean();
        }
    }
}

/// The record, three forms, the record without its driver.
const START_WRITES: usize = 5;
/// The wish, the way there, two forms, the record's end.
const ABORT_WRITES: usize = 5;

fn lost(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    for k in 1..=6 {
        through.proxy.forget();
        through
            .proxy
            .add(Rule::once(Match::write(k), Fault::CutAfter));
        let run = start(&web, &through);
        through.proxy.heal();
        assert_eq!(run.code, Some(0), "answer to write {k} was lost\n{run}");
        assert_eq!(web.sizes()["2"], 2, "write {k}\n{run}");
        web.aborts();
        web.is_clean();
    }
}

fn busy(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    let busy = |code, reason| Fault::Answer {
        code,
        reason,
        retry_after: None,
    };
    let patch = || Match::request("PATCH".parse().expect("a method"), "/deployments/web");
    through
        .proxy
        .add(Rule::times(2, patch(), busy(503, "ServiceUnavailable")));
    // The first is the dry run, which is refused before anything was written.
    start(&web, &through).code(1);
    assert!(web.get("configmap rollout-canary.web").is_none());
    through.proxy.heal();
    for fault in [
        busy(503, "ServiceUnavailable"),
        busy(429, "TooManyRequests"),
        Fault::CutBefore,
    ] {
        let watcher = web.watch();
        through.proxy.forget();
        for k in 2..=4 {
            through
                .proxy
                .add(Rule::once(Match::write(k), fault.clone()));
        }
        let run = start(&web, &through);
        through.proxy.heal();
        assert_eq!(run.code, Some(0), "{fault:?}\n{run}");
        assert!(watcher.seen().fewest_ready >= 5);
        web.canary("abort web").run().success();
    }
    web.is_clean();
}

fn race(suite: &Suite) {
    // The long version is run by hand.
    let rounds = std::env::var("GROUNDCREW_CANARY_RACES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let web = suite.web(3, Value::Null);
    let (one, two) = (suite.proxied(), suite.proxied());
    for round in 0..rounds {
        for through in [&one, &two] {
            through.proxy.forget();
        }
        let (first, second) = std::thread::scope(|scope| {
            let runs = [&one, &two].map(|through| race_start(&web, through));
            let [first, second] = runs.map(|run| scope.spawn(move || run.run()));
            (
                first.join().expect("it ends"),
                second.join().expect("it ends"),
            )
        });
        let codes = [first.code, second.code];
        let acted = [changes(&one), changes(&two)];
        // Both may win one after the other: the second finds all done.
        let lost = codes.iter().position(|code| *code == Some(5));
        if let Some(lost) = lost {
            assert_eq!(acted[lost], 0, "round {round}\n{first}\n{second}");
            assert_eq!(codes[1 - lost], Some(0), "round {round}\n{first}\n{second}");
        } else {
            assert_eq!(
                codes,
                [Some(0), Some(0)],
                "round {round}\n{first}\n{second}"
            );
            assert!(acted.contains(&0), "round {round}\n{first}\n{second}");
        }
        assert_eq!(web.sizes()["2"], 1, "round {round}\n{first}\n{second}");
        web.canary("abort web").run().success();
    }
    web.is_clean();
}

fn race_start(web: &Web<'_>, through: &Proxied) -> Run {
    web.canary("web 30% --image web=sandbox.local/sim:2")
        .kubeconfig(&through.kubeconfig)
}

/// Writes to the Deployment that went through.
fn changes(through: &Proxied) -> usize {
    let log = through.proxy.log();
    let is_change = |entry: &&harness::Entry| {
        entry.method == "PATCH" && entry.is_write() && entry.status == Some(200)
    };
    log.iter().filter(is_change).count()
}

/// Starts a rollout that stays and drives.
fn driver(suite: &Suite, web: &Web<'_>, through: &Proxied) -> Child {
    let words = "web --steps 20,40 --smoke 5m --image web=sandbox.local/sim:2";
    let child = spawn(suite, web, words, through);
    let holds = "status web --for holding --timeout 60s";
    web.canary(holds).run().success();
    child
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

fn asleep(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    let mut child = driver(suite, &web, &through);
    signal(&child, "STOP");
    // While the lease lasts nobody takes over.
    web.canary("promote web --timeout 2s").run().code(124);
    let after = through.proxy.count();
    // When it is over, the one who asks does it.
    eventually("the lease is over", || {
        web.canary("abort web --timeout 60s").run().code == Some(0)
    });
    signal(&child, "CONT");
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(5), "the driver that slept hands off");
    let log = through.proxy.log();
    let late: Vec<_> = log[after..]
        .iter()
        .filter(|entry| entry.is_write())
        .collect();
    assert!(late.is_empty(), "{late:?}");
    assert_eq!(web.sizes(), [("1".to_owned(), 5)].into());
    web.is_clean();
}

fn asked(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(5, Value::Null);
    let before = web.snapshot();
    let mut child = driver(suite, &web, &through);
    let abort = web.canary("abort web --timeout 60s").run();
    abort
        .success()
        .says("is driving")
        .answers("aborted by its driver");
    child.wait().expect("it ends");
    assert_eq!(web.snapshot(), before);
    web.is_clean();
}
