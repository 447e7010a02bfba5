//! `kubectl onboard renew`, `join` and `leave`.

use std::path::PathBuf;
use std::time::Duration;

use fault_proxy::Fault;
use harness::{Case, Need, Output, Suite, eventually};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    let proxy = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new("both_files_work_until_the_grace_is_over", needs, overlap),
        Case::new("without_a_grace_the_old_file_ends_at_once", needs, at_once),
        Case::new("a_token_is_renewed_as_a_token", needs, token),
        Case::new("a_role_elsewhere_is_carried_over_and_ends", needs, joined),
        Case::new("no_namespace_of_their_own", needs, homeless),
        Case::new(
            "a_user_asks_for_a_renewal_and_an_admin_approves",
            needs,
            by_herself,
        ),
        Case::new("who_is_not_onboarded_is_not_renewed", needs, stranger),
        Case::new(
            "a_death_at_any_request_is_made_good_by_a_second_run",
            proxy,
            dies,
        ),
    ]
}

fn file(suite: &Suite, name: &str) -> PathBuf {
    suite.path(&format!("{name}.kubeconfig"))
}

fn with(suite: &Suite, file: &std::path::Path, words: &str) -> Output {
    let kubectl = suite.program(&suite.cluster().kubectl());
    kubectl.kubeconfig(file).line(words).run()
}

fn renew(suite: &Suite, name: &str, flags: &str, out: &std::path::Path) -> Output {
    let run = suite.admin(&format!("onboard renew {name} {flags} --out"));
    run.args([out]).run()
}

fn subjects(suite: &Suite, what: &str) -> Vec<String> {
    let binding = suite.get(what).expect("a binding");
    let all = binding["subjects"].as_array().cloned().unwrap_or_default();
    all.iter().map(|one| one["name"].to_string()).collect()
}

fn overlap(suite: &Suite) {
    let name = suite.name("renewed");
    suite.onboard(&name).run().success();
    let (old, new) = (file(suite, &name), suite.path("new"));
    renew(suite, &name, "--grace 4s", &new)
        .success()
        .answers("generation 2")
        .says("renew --due");
    for file in [&old, &new] {
        with(suite, file, "create configmap proof --dry-run=server").success();
    }
    let due = || {
        let run = suite
            .admin(&format!("onboard renew {name} --due -o json"))
            .run();
        let people = run.success().json()["people"].clone();
        let people = people.as_array().cloned().unwrap_or_default();
        people.into_iter().find(|one| one["user"] == *name)
    };
    eventually("their grace is over", || due().is_some());
    with(suite, &old, "get pods").code(1).says("forbidden");
    with(suite, &new, "create configmap proof --dry-run=server").success();
    assert_eq!(due(), None, "once is enough");
    // For everybody it says the same; what others do at the same time is theirs.
    let everybody = suite.admin("onboard renew --due -o json").run();
    let people = everybody.json()["people"].to_string();
    assert!(!people.contains(&name), "{people}");
    let record = suite.record(&name);
    assert!(
        record["generations"][0]["revokedAt"].is_string(),
        "{record}"
    );
    assert_eq!(
        record["generations"][1]["revokedAt"],
        Value::Null,
        "{record}"
    );
}

fn at_once(suite: &Suite) {
    let name = suite.name("atonce");
    let group = suite.name("devs");
    suite
        .onboard(&name)
        .args(["--group", &group])
        .run()
        .success();
    let new = suite.path("new");
    let output = renew(suite, &name, "--grace 0 -o json", &new);
    let document = output.success().json();
    // What was asked for once is not lost by renewing.
    let groups = document["credential"]["groups"].to_string();
    assert!(groups.contains(&group), "{document}");
    with(suite, &file(suite, &name), "get pods").code(1);
    with(suite, &new, "get pods").success();
    // Their file is replaced where it stands.
    renew(suite, &name, "--grace 0", &new)
        .success()
        .answers("generation 3");
    with(suite, &new, "get pods").success();
}

fn token(suite: &Suite) {
    let name = suite.name("tokened");
    suite.onboard(&name).line("--auth token").run().success();
    let new = suite.path("new");
    renew(suite, &name, "--grace 0", &new)
        .success()
        .answers("token, generation 2");
    with(suite, &new, "get pods").success();
    let old = file(suite, &name);
    eventually("the old token ends", || {
        with(suite, &old, "get pods")
            .stderr
            .contains("Unauthorized")
    });
    with(suite, &new, "get pods").success();
}

fn joined(suite: &Suite) {
    let (name, web, ops) = (suite.name("joiner"), suite.name("web"), suite.name("ops"));
    for namespace in [&web, &ops] {
        suite
            .admin(&format!("create namespace {namespace}"))
            .run()
            .success();
    }
    let before = suite.get(&format!("namespace {web}"));
    suite
        .onboard(&name)
        .args(["--join", &format!("{web}:view")])
        .run()
        .success();
    let get = |what: &str| suite.as_user(&name, what);
    get(&format!("get pods -n {web}")).success();
    get(&format!("create configmap x -n {web} --dry-run=server")).code(1);
    assert_eq!(
        suite.get(&format!("namespace {web}")),
        before,
        "nothing else is touched"
    );
    suite
        .admin(&format!("onboard join {name} {ops}"))
        .run()
        .success();
    get(&format!("create configmap x -n {ops} --dry-run=server")).success();
    // Another role takes the place of the one that they have.
    suite
        .admin(&format!("onboard join {name} {web}:edit"))
        .run()
        .success();
    get(&format!("create configmap x -n {web} --dry-run=server")).success();
    let again = suite
        .admin(&format!("onboard join {name} {web}:edit"))
        .run();
    again.success().says("unchanged");

    let new = suite.path("new");
    renew(suite, &name, "--grace 0", &new).success();
    for namespace in [&web, &ops] {
        with(suite, &new, &format!("get pods -n {namespace}")).success();
        let bound = subjects(suite, &format!("rolebinding onboard-{name} -n {namespace}"));
        assert_eq!(bound, [format!("\"onboard:{name}:g2\"")]);
    }
    suite
        .admin(&format!("onboard leave {name} {ops}"))
        .run()
        .success();
    with(suite, &new, &format!("get pods -n {ops}")).code(1);
    suite
        .admin(&format!("onboard offboard {name} --yes"))
        .run()
        .success();
    with(suite, &new, &format!("get pods -n {web}")).code(1);
    assert!(suite.get(&format!("namespace {web}")).is_some());
}

fn homeless(suite: &Suite) {
    let (name, web) = (suite.name("guest"), suite.name("web"));
    suite
        .admin(&format!("create namespace {web}"))
        .run()
        .success();
    let missing = suite.name("missing");
    suite
        .onboard(&name)
        .args(["--no-namespace", "--join", &missing])
        .run()
        .code(2)
        .no_answer()
        .says(&missing);
    suite
        .onboard(&name)
        .args(["--no-namespace", "--join", &web])
        .run()
        .success();
    assert_eq!(suite.get(&format!("namespace {name}")), None);
    assert_eq!(suite.get(&format!("resourcequota onboard -n {web}")), None);
    // Their kubeconfig begins where they work.
    suite
        .as_user(&name, "create configmap x --dry-run=server")
        .success()
        .answers("configmap/x");
    suite
        .admin(&format!("onboard leave {name} {web}"))
        .run()
        .code(2);
    suite
        .admin(&format!("onboard offboard {name} --yes"))
        .run()
        .success();
    assert!(suite.get(&format!("namespace {web}")).is_some());
    suite.as_user(&name, "get pods").code(1);
}

fn by_herself(suite: &Suite) {
    let (name, mallory) = (suite.name("asker"), suite.name("mallory"));
    suite.onboard(&name).line("--self-renewal").run().success();
    suite
        .onboard(&mallory)
        .line("--self-renewal")
        .run()
        .success();
    let new = suite.path("new");
    let ask = |who: &str, timeout: &str| {
        let run = suite
            .admin(&format!("onboard renew --self --timeout {timeout} --out"))
            .args([&new]);
        run.kubeconfig(&file(suite, who))
    };
    // Nobody approves: the key waits for the next run.
    ask(&name, "1s").run().code(124).says("--approve");
    assert!(!new.exists());
    let key = suite.path("new.key");
    let before = std::fs::read(&key).expect("the key waits");
    // Labels prove nothing: what somebody else asks for in their name is not approved.
    let theirs = suite.get(&format!("csr -l groundcrew.dev/user={name}"));
    let theirs = theirs.expect("their requests")["items"].clone();
    let open = |one: &&Value| one["metadata"]["annotations"]["groundcrew.dev/renewal"].is_string();
    let theirs = theirs.as_array().cloned().unwrap_or_default();
    let mut forged = theirs.iter().find(open).expect("their request").clone();
    forged["metadata"] = serde_json::json!({
        "name": format!("forged-{mallory}"),
        "labels": forged["metadata"]["labels"],
        "annotations": forged["metadata"]["annotations"],
    });
    forged["status"] = Value::Null;
    std::thread::sleep(Duration::from_millis(1100));
    suite
        .program(&suite.cluster().kubectl())
        .kubeconfig(&file(suite, &mallory))
        .line("create -f -")
        .stdin(&forged.to_string())
        .run()
        .success();
    let approve = || {
        let run = suite.admin(&format!("onboard renew {name} --approve --grace 10s --out"));
        run.args([suite.path("copy.crt")]).run()
    };
    let short = suite.admin(&format!("onboard renew {name} --approve --grace 0"));
    short.run().code(2).says("fetches the new certificate");
    approve().code(1).says(&mallory);
    suite
        .admin(&format!("delete csr forged-{mallory}"))
        .run()
        .success();

    let answer = std::thread::scope(|scope| {
        let run = ask(&name, "60s");
        let asking = scope.spawn(move || run.run());
        std::thread::sleep(Duration::from_millis(500));
        approve().success();
        asking.join().expect("the user waits")
    });
    answer.success().answers("generation 2");
    assert!(!key.exists(), "the key is in their kubeconfig now");
    let text = std::fs::read_to_string(&new).expect("their file");
    assert!(text.contains("client-key-data"));
    assert!(!before.is_empty());
    with(suite, &new, "create configmap proof --dry-run=server").success();
    with(suite, &file(suite, &name), "get pods").success();
    // The user may ask again with what they hold now.
    let again = suite
        .admin("onboard renew --self --timeout 1s --out")
        .args([suite.path("next")])
        .kubeconfig(&new)
        .run();
    again.code(124);
    eventually("their grace is over", || {
        let due = suite.admin(&format!("onboard renew {name} --due"));
        due.run().success();
        with(suite, &file(suite, &name), "get pods").code == Some(1)
    });
    with(suite, &new, "get pods").success();
    let admin = suite.admin("onboard renew --self").run();
    admin.code(2).says("has no certificate");
}

fn stranger(suite: &Suite) {
    let name = suite.name("stranger");
    let out = suite.path("new");
    renew(suite, &name, "", &out)
        .code(1)
        .no_answer()
        .says("is not onboarded");
    assert!(!out.exists());
    let join = suite.admin(&format!("onboard join {name} default")).run();
    join.code(1).says("is not onboarded");
}

/// For every k: the client dies at request k, and a second run makes it whole.
fn dies(suite: &Suite) {
    let through = suite.proxied();
    let run = |name: &str, out: &std::path::Path| {
        let run = suite.admin(&format!("onboard renew {name} --grace 0 --out"));
        run.args([out]).kubeconfig(&through.kubeconfig).run()
    };
    for (k, fault) in (1..).flat_map(|k| [(k, Fault::DieBefore), (k, Fault::DieAfter)]) {
        let name = suite.name("dying");
        suite.onboard(&name).run().success();
        let new = suite.path(&format!("{name}-new"));
        let what = format!("{fault:?} at request {k}");
        through.break_at(k, &fault);
        let broken = run(&name, &new);
        if through.was_spared(k) {
            broken.success();
            assert!(k > 10, "{k}");
            break;
        }
        assert_ne!(broken.code, Some(0), "{what}\n{broken}");
        through.proxy.heal();
        let old = file(suite, &name);
        let works = |file: &std::path::Path| {
            with(suite, file, "create configmap proof --dry-run=server").code == Some(0)
        };
        assert!(
            works(&old) || works(&new),
            "{what}: the user is never without access\n{broken}"
        );
        let second = run(&name, &new);
        assert_eq!(second.code, Some(0), "{what}\n{broken}\n{second}");
        assert!(works(&new), "{what}\n{broken}\n{second}");
        assert!(!works(&old), "{what}\n{broken}\n{second}");
        let bound = subjects(suite, &format!("rolebinding onboard-{name} -n {name}"));
        assert_eq!(bound.len(), 1, "{what}: {bound:?}");
        let record = suite.record(&name);
        let open = record["generations"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let open = open
            .iter()
            .filter(|issue| issue["revokedAt"].is_null())
            .count();
        assert_eq!(open, 1, "{what}: {record}");
    }
}
