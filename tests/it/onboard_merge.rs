//! `kubectl onboard accept --merge`: into the user's own kubeconfig, where nothing else changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::scope;
use std::time::{Duration, Instant};

use harness::{Case, Fault, Match, Need, Output, Rule, Suite};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("what_was_there_stays_as_it_was", signer, stays),
        Case::new("the_files_are_kubectls", signer, files),
        Case::new("a_lock_that_stays_is_named", signer, locked),
        Case::new("what_is_in_the_way_is_named", signer, in_the_way),
        Case::new(
            "what_another_program_drops_at_the_same_moment_is_put_back",
            &[
                Need::Plugins,
                Need::Signer,
                Need::Controllers,
                Need::Sandbox,
            ],
            put_back,
        ),
        Case::new("many_at_once_lose_nothing", signer, many),
    ]
}

const OWN: &str = "\
# mine
apiVersion: v1
clusters:
- cluster:
    server: https://10.0.0.1  # at home
  name: home
contexts:
- context: {cluster: home, user: me}
  name: home
current-context: home
kind: Config
preferences: {}
users:
- name: me
  user:
    token: t
    x-unknown: kept
";

/// Makes a person and their certificate; nothing is accepted yet.
fn signed(suite: &Suite, stem: &str) -> String {
    let name = suite.name(stem);
    let laptop = suite.requested(&name, 1);
    let request = laptop.join(format!("{name}.csr"));
    suite.sign(&name, &request).run().success();
    name
}

fn view(suite: &Suite, file: &Path) -> Value {
    let run = suite.program(&suite.cluster().kubectl()).kubeconfig(file);
    run.line("config view --raw -o json").run().success().json()
}

fn names(config: &Value, list: &str) -> BTreeSet<String> {
    let entries = config[list].as_array().into_iter().flatten();
    entries
        .map(|entry| entry["name"].as_str().expect("a name").to_owned())
        .collect()
}

fn context_of(output: &Output) -> String {
    let answer = output.success().json();
    answer["context"].as_str().expect("a context").to_owned()
}

fn stays(suite: &Suite) {
    let alice = signed(suite, "alice");
    let real = suite.file("real", OWN);
    let own = suite.path("own");
    #[cfg(unix)]
    {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("a mode");
        symlink("real", &own).expect("a link");
    }
    let merge = || {
        let run = suite.accept(&alice).kubeconfig(&own);
        run.line("--merge -o json").run()
    };
    let output = merge();
    let context = context_of(&output);
    assert_eq!(output.json()["verified"], true);
    let text = fs::read_to_string(&real).expect("their kubeconfig");
    for line in OWN.lines() {
        assert!(text.lines().any(|kept| kept == line), "{line:?} in\n{text}");
    }
    assert_eq!(text.lines().next(), Some("# mine"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert!(own.is_symlink());
        let mode = fs::metadata(&real).expect("it").permissions().mode() & 0o777;
        assert_eq!(mode, 0o640);
        output.says("can be read by others");
    }
    assert!(!suite.path("own.lock").exists());
    let config = view(suite, &own);
    assert_eq!(config["current-context"], "home");
    let as_user = |words: &str| {
        let run = suite.program(&suite.cluster().kubectl()).kubeconfig(&own);
        run.args(["--context", &context]).line(words).run()
    };
    as_user("auth whoami").success().answers(&alice);
    as_user("create configmap proof --dry-run=server").success();
    merge().success();
    assert_eq!(
        fs::read_to_string(&real).expect("it"),
        text,
        "again changes nothing"
    );
    as_user("config set-context x --cluster=home --user=me").success();
    as_user("auth whoami").success();
}

fn files(suite: &Suite) {
    let alice = signed(suite, "alice");
    let home = suite.path(".kube/config");
    suite.accept(&alice).line("--merge").run().success();
    let config = view(suite, &home);
    assert!(
        config["current-context"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
    );
    assert_eq!(names(&config, "users").len(), 1);

    let second = suite.file("second", OWN);
    let list = ["first", "second", "third"].map(|name| suite.path(name));
    let list = std::env::join_paths(list).expect("a list");
    let run = suite.accept(&alice).env("KUBECONFIG", list).line("--merge");
    run.run().success().says(&second.display().to_string());
    assert_eq!(names(&view(suite, &second), "users").len(), 2);
    assert!(!suite.path("first").exists() && !suite.path("third").exists());
}

fn locked(suite: &Suite) {
    let alice = signed(suite, "alice");
    let own = suite.file("own", OWN);
    let lock = suite.file("own.lock", "");
    let merge = |timeout: &str| {
        let run = suite.accept(&alice).kubeconfig(&own);
        run.args(["--merge", "--timeout", timeout])
    };
    let output = merge("1s").run();
    output
        .code(5)
        .no_answer()
        .says("is locked by another program")
        .says(&format!("rm {}", lock.display()));
    assert_eq!(fs::read_to_string(&own).expect("it"), OWN);
    assert!(lock.exists(), "another program's lock stays");
    // kubectl takes the very same lock.
    let kubectl = suite.program(&suite.cluster().kubectl()).kubeconfig(&own);
    kubectl.line("config set-context x").run().code(1);
    // Giving up frees what was taken on the way.
    let list = std::env::join_paths([suite.path("first"), own.clone()]).expect("a list");
    let first = suite.path("first.lock");
    let run = suite.accept(&alice).env("KUBECONFIG", list).line("--merge");
    run.interrupt_when(|| first.exists()).code(130).no_answer();
    assert!(!first.exists() && lock.exists());
    // A lock that goes is waited for.
    let output = scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(700));
            fs::remove_file(&lock).expect("the lock");
        });
        merge("20s").run()
    });
    output.success();
}

fn in_the_way(suite: &Suite) {
    let (alice, bob) = (signed(suite, "alice"), signed(suite, "bob"));
    let own = suite.file("own", OWN);
    let merge = |name: &str, more: &str| {
        let run = suite.accept(name).kubeconfig(&own);
        run.args(["--merge"]).line(more).run()
    };
    let taken = merge(&alice, "--cluster-name home");
    taken.code(5).no_answer().says("its server differs");
    assert_eq!(fs::read_to_string(&own).expect("it"), OWN);
    merge(&alice, "--cluster-name work").success();
    // One cluster entry serves two people.
    merge(&bob, "--cluster-name work").success();
    let config = view(suite, &own);
    assert_eq!(
        names(&config, "clusters"),
        BTreeSet::from(["home", "work"].map(str::to_owned))
    );
    assert_eq!(names(&config, "users").len(), 3);
    fs::write(&own, "users: [\n").expect("a file");
    merge(&alice, "").code(2).no_answer().says("own:");
    assert_eq!(fs::read_to_string(&own).expect("it"), "users: [\n");
}

/// `kubectl config` reads before it takes the lock, and removes what it did not see then.
fn put_back(suite: &Suite) {
    let alice = suite.name("alice");
    let laptop = suite.requested(&alice, 1);
    let through = suite.proxied();
    let request = laptop.join(format!("{alice}.csr"));
    // The address in their file is the proxy's.
    let sign = suite.sign(&alice, &request).kubeconfig(&through.kubeconfig);
    sign.run().success();
    let own = suite.file("own", OWN);
    let who = Match {
        path: Some("/selfsubjectreviews".to_owned()),
        ..Match::default()
    };
    let slow = Fault::Delay(Duration::from_millis(1500));
    through.proxy.add(Rule::once(who, slow));
    let run = suite.accept(&alice).kubeconfig(&own).args(["--merge"]);
    let output = scope(|scope| {
        scope.spawn(|| {
            let deadline = Instant::now() + Duration::from_secs(120);
            while fs::read_to_string(&own).is_ok_and(|text| text == OWN) {
                assert!(Instant::now() < deadline, "nothing was ever merged");
                std::thread::sleep(Duration::from_millis(5));
            }
            fs::write(&own, OWN).expect("it can be written");
        });
        run.run()
    });
    output.success().says("they are back");
    let config = view(suite, &own);
    assert_eq!(names(&config, "users").len(), 2);
    assert_eq!(config["current-context"], "home");
}

/// How many people accept, and how many times kubectl changes the same file.
const MANY: usize = 30;

fn many(suite: &Suite) {
    let people: Vec<String> = (0..MANY).map(|_| signed(suite, "many")).collect();
    let own = suite.file("own", OWN);
    // kubectl gives up when the file is locked; it may have to try often.
    let set = |number: usize| {
        let context = format!("kubectl-{number}");
        for _ in 0..500 {
            let run = suite.program(&suite.cluster().kubectl()).kubeconfig(&own);
            let run = run.args(["config", "set-context", &context]);
            let output = run.line("--cluster=home --user=me").run();
            if output.code == Some(0) {
                return context;
            }
            output.says("lock");
        }
        panic!("kubectl never got the lock");
    };
    let mut wanted = BTreeSet::from(["home".to_owned()]);
    scope(|scope| {
        let accepts: Vec<_> = people
            .iter()
            .map(|name| {
                let run = suite.accept(name).kubeconfig(&own);
                let run = run.line("--merge -o json --timeout 60s");
                scope.spawn(move || run.run())
            })
            .collect();
        // One kubectl after the other: two at once lose each other's entries, since each reads
        // before it takes the lock.
        wanted.extend((0..MANY).map(set));
        wanted.extend(accepts.into_iter().map(|accept| {
            let output = accept.join().expect("an accept");
            context_of(&output)
        }));
    });
    assert_eq!(wanted.len(), 1 + 2 * MANY);
    let config = view(suite, &own);
    let found = names(&config, "contexts");
    let lost: Vec<_> = wanted.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!(found, wanted);
    assert_eq!(names(&config, "users").len(), 1 + MANY);
    assert_eq!(config["current-context"], "home");
    assert_eq!(config["users"][0]["name"].as_str().map(|_| ()), Some(()));
    assert!(!suite.path("own.lock").exists());
}
