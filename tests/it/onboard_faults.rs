//! `kubectl onboard` when the network, the server or the user gives up in the middle.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::{Case, Fault, Match, Need, Output, Proxied, Rule, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new(
            "dying_before_any_request_and_running_again_ends_the_same",
            needs,
            |suite| {
                dying(suite, &Fault::DieBefore);
            },
        ),
        Case::new(
            "dying_after_any_request_and_running_again_ends_the_same",
            needs,
            |suite| {
                dying(suite, &Fault::DieAfter);
            },
        ),
        Case::new(
            "one_lost_answer_is_never_a_second_write",
            needs,
            lost_answers,
        ),
        Case::new("a_busy_server_is_waited_for_and_named", needs, busy),
        Case::new(
            "a_failure_half_way_takes_back_what_was_made",
            needs,
            takes_back,
        ),
        Case::new(
            "a_failure_leaves_what_was_there_before",
            needs,
            leaves_what_was,
        ),
        Case::new(
            "a_failed_replacement_puts_the_old_file_back",
            needs,
            puts_back,
        ),
        Case::new("of_two_admins_one_wins", needs, two_admins),
        Case::new(
            "who_takes_over_wins_also_while_the_other_still_writes",
            needs,
            overtaken,
        ),
        Case::new("an_interrupt_takes_back_and_says_130", needs, interrupted),
    ]
}

/// No run that onboards somebody gets by with so few requests.
const FEWEST: usize = 12;

fn onboard(suite: &Suite, through: &Proxied, name: &str) -> Output {
    let run = suite.onboard(name).kubeconfig(&through.kubeconfig);
    run.line("--timeout 5s").run()
}

/// Everything of the user that lasts, without what differs by its nature.
fn state(suite: &Suite, name: &str) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    for what in [
        format!("namespace {name}"),
        format!("limitrange onboard -n {name}"),
        format!("resourcequota onboard -n {name}"),
        format!("networkpolicy default-deny -n {name}"),
        format!("rolebinding onboard-{name} -n {name}"),
    ] {
        let mut object = suite.get(&what).unwrap_or(Value::Null);
        let metadata = object["metadata"].clone();
        object["metadata"] =
            json!({"labels": metadata["labels"], "annotations": metadata["annotations"]});
        object["status"] = Value::Null;
        state.insert(what.replace(name, "NAME"), object);
    }
    let mut record = suite.record(name);
    for issue in record["generations"].as_array_mut().expect("generations") {
        for differs in ["sha256", "notAfter", "issuedAt", "provedAt"] {
            assert!(issue[differs].is_string(), "{differs} in {issue}");
            issue[differs] = Value::Null;
        }
    }
    state.insert("record".to_owned(), record);
    let requests = suite
        .get(&format!("csr -l groundcrew.dev/user={name}"))
        .unwrap_or_default();
    let issued = requests["items"].as_array().into_iter().flatten();
    let issued = issued
        .filter(|request| request["status"]["certificate"].is_string())
        .count();
    state.insert("certificates".to_owned(), json!(issued));
    let generations = &state["record"]["generations"];
    assert_eq!(generations.as_array().map(Vec::len), Some(1), "{state:?}");
    // A run that died has used up its number.
    let number = generations[0]["generation"].to_string();
    let text = serde_json::to_string(&state)
        .expect("it is JSON")
        .replace(name, "NAME")
        .replace(&format!("\"generation\":{number}"), "\"generation\":N")
        .replace(&format!(":g{number}"), ":gN")
        .replace("\"generation\":N", "\"generation\":0");
    serde_json::from_str(&text).expect("it still is")
}

fn they_can_work(suite: &Suite, name: &str) {
    suite
        .as_user(name, "create configmap proof --dry-run=server")
        .success();
}

/// For every k: the client dies at request k, and a second run makes it whole.
fn dying(suite: &Suite, fault: &Fault) {
    let through = suite.proxied();
    let undisturbed = suite.name("base");
    onboard(suite, &through, &undisturbed).success();
    let wanted = state(suite, &undisturbed);
    for k in 1.. {
        let name = suite.name("dying");
        through.break_at(k, fault);
        let first = onboard(suite, &through, &name);
        if through.was_spared(k) {
            first.success();
            assert!(k > FEWEST, "{k}");
            break;
        }
        assert_ne!(
            first.code,
            Some(0),
            "request {k} was never answered\n{first}"
        );
        through.proxy.heal();
        let second = onboard(suite, &through, &name);
        assert_eq!(second.code, Some(0), "after request {k}\n{first}\n{second}");
        assert_eq!(state(suite, &name), wanted, "after request {k}\n{first}");
        they_can_work(suite, &name);
    }
}

/// For every k: one answer is lost, and the run reads back and goes on.
fn lost_answers(suite: &Suite) {
    let through = suite.proxied();
    let undisturbed = suite.name("base");
    onboard(suite, &through, &undisturbed).success();
    let wanted = state(suite, &undisturbed);
    for k in 1.. {
        let name = suite.name("lost");
        through.break_at(k, &Fault::CutAfter);
        let output = onboard(suite, &through, &name);
        through.proxy.heal();
        assert_eq!(output.code, Some(0), "answer {k} was lost\n{output}");
        assert_eq!(state(suite, &name), wanted, "after answer {k}\n{output}");
        they_can_work(suite, &name);
        if through.was_spared(k) {
            assert!(k > FEWEST, "{k}");
            break;
        }
    }
}

fn busy(suite: &Suite) {
    let name = suite.name("busy");
    let through = suite.proxied();
    let answer = Fault::Answer {
        code: 429,
        reason: "TooManyRequests",
        retry_after: Some(1),
    };
    let policy = Match {
        path: Some("/limitranges/".to_owned()),
        ..Match::default()
    };
    through.proxy.add(Rule::times(3, policy, answer));
    let output = onboard(suite, &through, &name);
    output.success().says("the server is busy (429)");
    let tries = through
        .proxy
        .log()
        .iter()
        .filter(|sent| sent.path.contains("/limitranges/"))
        .count();
    assert_eq!(tries, 4);
}

fn takes_back(suite: &Suite) {
    let through = suite.proxied();
    for path in [
        "/rolebindings",
        "/certificatesigningrequests",
        "/approval",
        "dryRun=All",
    ] {
        let name = suite.name("half");
        let broken = Fault::Answer {
            code: 403,
            reason: "Forbidden",
            retry_after: None,
        };
        let on = Match {
            path: Some(path.to_owned()),
            ..Match::default()
        };
        through.proxy.add(Rule::times(1, on, broken));
        let output = onboard(suite, &through, &name);
        through.proxy.heal();
        assert!(matches!(output.code, Some(1 | 3)), "{path}\n{output}");
        if output.code == Some(3) {
            // A pod that is refused is an answer, not a failure; nothing is taken back.
            output.says("a pod is admitted");
            continue;
        }
        output
            .no_answer()
            .says("rolled back: ")
            .says(&format!("namespace/{name}"));
        assert!(
            !suite.path(&format!("{name}.kubeconfig")).exists(),
            "{path}"
        );
        assert_eq!(
            suite.get(&format!("csr -l groundcrew.dev/user={name}")),
            None,
            "{path}"
        );
        eventually("their namespace goes", || {
            suite.get(&format!("namespace {name}")).is_none()
        });
    }
}

fn leaves_what_was(suite: &Suite) {
    let name = suite.name("before");
    suite
        .admin(&format!("create namespace {name}"))
        .run()
        .success();
    let owner = format!("groundcrew.dev/owner={name}");
    suite
        .admin(&format!("annotate namespace {name} {owner}"))
        .run()
        .success();
    suite
        .admin(&format!("create configmap precious -n {name}"))
        .run()
        .success();
    let through = suite.proxied();
    let broken = Fault::Answer {
        code: 403,
        reason: "Forbidden",
        retry_after: None,
    };
    let on = Match {
        path: Some("/approval".to_owned()),
        ..Match::default()
    };
    through.proxy.add(Rule::once(on, broken));
    onboard(suite, &through, &name)
        .code(1)
        .says("rolled back: ");
    let get = |what: &str| suite.get(&format!("{what} -n {name}"));
    assert!(get("configmap precious").is_some());
    assert_eq!(get("resourcequota onboard"), None);
    assert_eq!(get(&format!("rolebinding onboard-{name}")), None);
    onboard(suite, &through, &name).success();
    assert!(get("configmap precious").is_some());
}

fn puts_back(suite: &Suite) {
    let name = suite.name("replace");
    let through = suite.proxied();
    onboard(suite, &through, &name).success();
    let file = suite.path(&format!("{name}.kubeconfig"));
    let before = std::fs::read(&file).expect("their file");
    through.proxy.forget();
    let record = Match {
        path: Some(format!("/configmaps/onboard-{name}")),
        method: Some("PUT".parse().expect("a method")),
        index: None,
        ..Match::default()
    };
    let broken = Fault::Answer {
        code: 403,
        reason: "Forbidden",
        retry_after: None,
    };
    through.proxy.add(Rule::once(record, broken));
    let run = suite.admin("onboard").kubeconfig(&through.kubeconfig);
    let output = run.args([&name, "--force", "--out"]).args([&file]).run();
    output.code(1).no_answer();
    through.proxy.heal();
    assert_eq!(
        std::fs::read(&file).expect("their file"),
        before,
        "{output}"
    );
    they_can_work(suite, &name);
}

/// Rounds of a race; which of its windows one round meets is a matter of luck.
const ROUNDS: usize = 50;

fn two_admins(suite: &Suite) {
    let mut beaten = 0;
    for round in 0..ROUNDS {
        let name = suite.name("twice");
        let file = |who: &str| suite.path(&format!("{who}-{round}"));
        let run = |who: &str| {
            suite
                .admin("onboard")
                .args([&name])
                .args(["--out"])
                .args([file(who)])
        };
        let (one, two) = (run("one"), run("two"));
        // The later the second begins, the later the stage at which it meets the first.
        let late = Duration::from_millis(8 * u64::try_from(round).expect("a small number"));
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(move || {
                std::thread::sleep(late);
                two.run()
            });
            (one.run(), other.join().expect("the other admin"))
        });
        let both = format!("round {round}\n{one}\n{two}");
        for output in [&one, &two] {
            assert!(matches!(output.code, Some(0 | 5)), "{both}");
        }
        let winners: Vec<_> = ["one", "two"]
            .into_iter()
            .filter(|who| file(who).exists())
            .collect();
        assert_eq!(winners.len(), 1, "one certificate is handed out; {both}");
        beaten += usize::from(one.code != Some(0) || two.code != Some(0));
        let record = suite.record(&name);
        assert_eq!(
            record["generations"].as_array().map(Vec::len),
            Some(1),
            "{record}; {both}"
        );
        assert!(record["begun"].is_null(), "{record}; {both}");
        suite
            .program(&suite.cluster().kubectl())
            .kubeconfig(&file(winners[0]))
            .line("create configmap proof --dry-run=server")
            .run()
            .success();
    }
    assert!(beaten > 0, "the two never met");
}

/// The first has begun and writes late; the second has looked before, and writes later still.
fn overtaken(suite: &Suite) {
    let name = suite.name("overtaken");
    let late = |seconds| {
        let through = suite.proxied();
        let make = Match {
            path: Some("/api/v1/namespaces?".to_owned()),
            method: Some("POST".parse().expect("a method")),
            ..Match::default()
        };
        let pause = Fault::Delay(Duration::from_secs(seconds));
        through.proxy.add(Rule::once(make, pause));
        through
    };
    let (slow, slower) = (late(5), late(6));
    let run = |through: &Proxied, who: &str| {
        let out = suite.path(&format!("{name}-{who}"));
        let run = suite.admin("onboard").kubeconfig(&through.kubeconfig);
        run.args([&name]).args(["--out"]).args([out])
    };
    let (first, second) = (run(&slow, "first"), run(&slower, "second"));
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(move || first.run());
        let record = format!("configmap onboard-{name} -n groundcrew-system");
        eventually("the first has begun", || suite.get(&record).is_some());
        let second = second.run();
        (first.join().expect("the first admin"), second)
    });
    second.success().says("the other run was still writing");
    first.code(5).no_answer();
    assert!(!suite.path(&format!("{name}-first")).exists(), "{first}");
    let file = suite.path(&format!("{name}-second"));
    let user = suite.program(&suite.cluster().kubectl()).kubeconfig(&file);
    user.line("create configmap proof --dry-run=server")
        .run()
        .success();
}

fn interrupted(suite: &Suite) {
    let name = suite.name("ctrlc");
    let through = suite.proxied();
    // The signer's answer never comes, so the run is waiting when the signal arrives.
    let waiting = Match {
        path: Some("/certificatesigningrequests/".to_owned()),
        method: Some("GET".parse().expect("a method")),
        index: None,
        ..Match::default()
    };
    through
        .proxy
        .add(Rule::once(waiting, Fault::Delay(Duration::from_secs(20))));
    let out = suite.path(&format!("{name}.kubeconfig"));
    let run = suite.admin("onboard").kubeconfig(&through.kubeconfig);
    let output = run.args([&name, "--out"]).args([&out]).interrupt_when(|| {
        through
            .proxy
            .log()
            .iter()
            .any(|sent| sent.method == "GET" && sent.path.contains("certificatesigning"))
    });
    output.code(130).no_answer().says("rolled back: ");
    assert!(!out.exists());
    eventually("their namespace goes", || {
        suite.get(&format!("namespace {name}")).is_none()
    });
}
