//! `kubectl rollout-canary` where there are too few replicas to park it, and what it asks for.

use std::process::{Child, Command};
use std::time::Instant;

use harness::{Case, Entry, Fault, Match, Need, Proxied, Rule, Suite, Web, eventually};
use serde_json::{Value, json};

use crate::rollout_canary_faults::spawn_as;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let case = |name: &str, body: fn(&Suite)| Case::new(name, needs, body);
    vec![
        case("a_step_takes_twelve_requests_at_most", requests),
        case(
            "a_server_that_cannot_begin_a_watch_with_what_there_is_is_asked_for_lists",
            plain,
        ),
        case("one_replica_is_driven_through_and_never_left_held", driven),
        case("a_hold_whose_driver_is_told_to_end_is_taken_back", ended),
        case(
            "a_hold_whose_driver_was_killed_is_told_of_and_fixed",
            killed,
        ),
        case("a_dry_run_is_a_plan_and_writes_nothing", dry),
        case("where_git_is_carried_out_an_abort_leaves_its_template", git),
    ]
}

/// Requests of the plugin since the proxy was told to forget.
fn sent(through: &Proxied) -> Vec<Entry> {
    let mut log = through.proxy.log();
    log.retain(|entry| entry.user_agent.starts_with("kubectl-rollout_canary/"));
    log
}

/// One step takes no more than this.
const STEP: usize = 12;

/// What a start looks at beside the Deployment: Services, autoscalers, quotas, and its rights.
const LOOKS: usize = 4;

/// The kinds of patches that a parked canary, its promotion and its rollback need.
const TRIES: usize = 5;

fn requests(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(10, Value::Null);
    // A start looks around once, and tries each kind of patch on the server before it writes any.
    for (words, patches, looks, tries) in [
        ("web 10% --image web=sandbox.local/sim:2", 3, LOOKS, TRIES),
        ("web 20%", 4, 0, 0),
        // The last one gives the fields back to their owners. A promotion looks at Services, quotas
        // and its rights, and tries its patch.
        ("promote web", 3, LOOKS - 1, 1),
    ] {
        through.proxy.forget();
        let begun = Instant::now();
        let run = web.canary(words).kubeconfig(&through.kubeconfig).run();
        run.success();
        // On a slow machine the lease is renewed, and a patch is refused when the controller wrote
        // in between: both are as many as it is slow.
        let renewed = usize::try_from(begun.elapsed().as_secs() / 5).unwrap_or(usize::MAX);
        let sent: Vec<Entry> = sent(&through)
            .into_iter()
            .filter(|entry| !matches!(entry.status, Some(409 | 422)))
            .filter(|entry| !(entry.method == "GET" && entry.path.ends_with("/deployments/web")))
            .collect();
        let shown: Vec<String> = sent
            .iter()
            .map(|entry| format!("{} {}?{}", entry.method, entry.path, entry.query))
            .collect();
        let count = sent.len();
        let most = STEP + renewed + looks + tries;
        assert!(count <= most, "{words}: {count}: {shown:#?}");
        let dry = sent
            .iter()
            .filter(|entry| entry.query.contains("dryRun=All"));
        // One more fills the canary's template in.
        let filled_in = usize::from(words.contains("--image"));
        assert!(dry.count() <= tries + filled_in, "{words}: {shown:#?}");
        // Each kind is listed and watched by one request, and nothing is read twice.
        let reads = sent.iter().filter(|entry| entry.method == "GET");
        let around = looks.saturating_sub(1);
        assert_eq!(reads.count(), 4 + around, "{words}: {shown:#?}");
        let written = sent
            .iter()
            .filter(|entry| entry.method == "PATCH" && entry.is_write());
        assert_eq!(written.count(), patches, "{words}: {shown:#?}");
    }
    web.is_clean();
}

fn plain(suite: &Suite) {
    let through = suite.proxied();
    let web = suite.web(4, Value::Null);
    // As an API server answers that does not know the field.
    let get = "GET".parse().expect("a method");
    let unknown = Fault::Answer {
        code: 422,
        reason: "Invalid",
        retry_after: None,
    };
    through.proxy.add(Rule::times(
        99,
        Match::request(get, "sendInitialEvents"),
        unknown,
    ));
    let run = web
        .canary("web 25% --image web=sandbox.local/sim:2")
        .kubeconfig(&through.kubeconfig)
        .run();
    run.success().answers("parked");
    let sent = sent(&through);
    let refused = sent.iter().filter(|entry| entry.fault.is_some()).count();
    assert_eq!(refused, 1, "it is asked once");
    web.aborts();
    web.is_clean();
}

fn driven(suite: &Suite) {
    let web = suite.web(1, Value::Null);
    let before = web.deployment()["metadata"]["resourceVersion"].clone();
    let image = "--image web=sandbox.local/sim:2";
    web.canary(&format!("web 50% {image}"))
        .run()
        .code(2)
        .says("--steps")
        .says("--accept-weight");
    web.canary(&format!("web --steps 50 --detach {image}"))
        .run()
        .code(2)
        .says("cannot be parked");
    let plan = web.canary(&format!("plan web 50 {image}")).run();
    plan.success().answers("cannot be parked");
    assert_eq!(web.deployment()["metadata"]["resourceVersion"], before);
    let words = format!("web --steps 50,100 --smoke 1s --auto promote {image}");
    web.canary(&words).run().success().answers("promoted");
    assert_eq!(web.sizes(), [("2".to_owned(), 1)].into());
    web.is_clean();
    // One that dies is found and taken back here too.
    let before = web.snapshot();
    let words = "web --steps 50 --smoke 10s --image web=sandbox.local/sim:crash";
    web.canary(words).run().code(3).says("rolled back");
    assert_eq!(web.snapshot(), before);
    web.is_clean();
}

/// A driver at work, which ends with the case at the latest.
pub(crate) struct Driver(Child);

impl Driver {
    /// Waits until it has ended by itself, and returns its exit code.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        let mut ended = None;
        eventually("the driver ends", || {
            ended = self.0.try_wait().ok().flatten();
            ended.is_some()
        });
        ended.and_then(|status| status.code())
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn kill(&mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a driver that stays, and waits until the canary is held.
pub(crate) fn driver(suite: &Suite, web: &Web<'_>, more: &str) -> Driver {
    let words = format!("web --steps 30 {more} --image web=sandbox.local/sim:2");
    let driver = Driver(spawn_as(suite, web, &words, suite.cluster().kubeconfig()));
    web.canary("status web --for holding --timeout 100s")
        .run()
        .success();
    assert_eq!(web.split(), (2, 1));
    driver
}

fn ended(suite: &Suite) {
    let web = suite.web(2, Value::Null);
    let before = web.snapshot();
    let watcher = web.watch();
    for signal in ["-INT", "-TERM"] {
        let mut driver = driver(suite, &web, "--smoke 1s");
        let status = Command::new("kill")
            .args([signal, &driver.id().to_string()])
            .status();
        assert!(status.is_ok_and(|status| status.success()));
        assert_eq!(driver.ends(), Some(130), "{signal}");
        assert_eq!(web.snapshot(), before, "{signal}");
        assert_eq!(web.sizes(), [("1".to_owned(), 2)].into());
        web.is_clean();
    }
    // Asked from another terminal, it does what it is asked.
    let mut driver = driver(suite, &web, "--smoke 1s");
    let promote = web.canary("promote web --timeout 100s").run();
    promote.success().answers("promoted by its driver");
    assert_eq!(driver.ends(), Some(0));
    assert_eq!(web.sizes(), [("2".to_owned(), 2)].into());
    web.is_clean();
    assert!(watcher.seen().fewest_ready >= 2);
}

fn killed(suite: &Suite) {
    let web = suite.web(2, Value::Null);
    let before = web.snapshot();
    for fix in ["abort web", "resume web"] {
        let mut driver = driver(suite, &web, "--smoke 100s --auto promote");
        driver.kill();
        // Nothing moves by itself, and every look at it tells.
        let status = web.canary("status web -o json").run().code(3).json();
        assert_eq!(status["abandoned"], true, "{status}");
        assert_eq!((web.split(), &status["parked"]), ((2, 1), &json!(false)));
        let told = web.canary("status web").run();
        told.code(3).answers("nobody is driving it");
        let doctor = web.canary("doctor web").run();
        doctor.code(3).answers("nobody is driving it");
        if fix == "abort web" {
            web.canary(fix).run().success().answers("0 differences");
            assert_eq!(web.snapshot(), before);
        } else {
            // What goes on drives it again, to be asked and ended like the first.
            let resume = web.canary("resume web");
            let resumed = std::thread::spawn(move || resume.run());
            eventually("it is driven again", || {
                web.canary("status web").run().code == Some(0)
            });
            web.canary("abort web --timeout 100s").run().success();
            let run = resumed.join().expect("it ends");
            run.success();
        }
        assert_eq!(web.sizes(), [("1".to_owned(), 2)].into());
        web.is_clean();
    }
}

fn dry(suite: &Suite) {
    let web = suite.web(5, Value::Null);
    let before = web.deployment()["metadata"]["resourceVersion"].clone();
    for words in [
        "web 20% --dry-run --image web=sandbox.local/sim:2",
        "web 20% --dry-run=server --restart",
        "web --steps 20,40 --dry-run=client --restart",
    ] {
        let run = web.canary(words).run();
        run.success().answers("PARKED").answers("permissions: all");
    }
    let refused = web.canary("web 20% --dry-run --image app=x").run();
    refused.code(2).says("no container");
    assert_eq!(web.deployment()["metadata"]["resourceVersion"], before);
    assert!(web.get("configmap rollout-canary.web").is_none());
}

fn git(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let note = "annotate deployment/web argocd.argoproj.io/tracking-id=shop";
    web.kubectl(note).run().success();
    let before = web.snapshot();
    let third = "set image deployment/web web=sandbox.local/sim:3";
    web.start("25%").success();
    web.kubectl(third).run().success();
    let back = web.canary("abort web --force-conflicts").run();
    back.success().answers("0 differences");
    assert_eq!(web.snapshot(), before);
    web.start("25%").success();
    web.kubectl(third).run().success();
    web.canary("abort web").run().success();
    web.kubectl("rollout status deployment/web --timeout=100s")
        .run()
        .success();
    assert_eq!(web.sizes(), [("3".to_owned(), 4)].into());
    web.is_clean();
}
