//! `kubectl onboard request`, `--csr-file` and `accept`: the key never leaves the user's laptop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Case, Fault, Match, Need, Rule, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    let sandbox = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new("three_steps_and_the_user_can_work", signer, three_steps),
        Case::new("no_key_leaves_its_directory", signer, no_key_leaves),
        Case::new("a_dry_run_signs_nothing", signer, dry_run),
        Case::new(
            "a_server_out_of_reach_leaves_the_proof_open",
            signer,
            out_of_reach,
        ),
        Case::new(
            "a_server_that_refuses_the_certificate_is_a_no",
            sandbox,
            unknown_there,
        ),
        Case::new(
            "dying_anywhere_and_running_again_signs_the_same_request",
            sandbox,
            dying,
        ),
        Case::new(
            "two_admins_with_one_request_issue_it_once",
            signer,
            two_admins,
        ),
    ]
}

/// Returns where the request of their first generation is.
pub(crate) fn csr(suite: &Suite, name: &str) -> PathBuf {
    suite.path(&format!("laptop-{name}/{name}.csr"))
}

/// Makes their request and lets the admin sign it; returns the report.
pub(crate) fn signed(suite: &Suite, name: &str) -> Value {
    let _laptop = suite.requested(name, 1);
    let output = suite.sign(name, &csr(suite, name)).line("-o json").run();
    output.success().json()
}

fn three_steps(suite: &Suite) {
    let alice = suite.name("alice");
    let report = signed(suite, &alice);
    let group = format!("onboard:{alice}:g1");
    assert_eq!(report["kind"], "OnboardReport");
    assert_eq!(report["credential"]["groups"], json!([group]));
    assert_eq!(report["kubeconfig"], Value::Null);
    let crt = suite.path(&format!("{alice}.crt"));
    assert_eq!(report["certificate"], crt.display().to_string());
    assert_eq!(report["verified"], false, "the admin has not tried it out");
    let record = suite.record(&alice);
    let issue = &record["generations"][0];
    assert_eq!(
        (&issue["generation"], &issue["groups"]),
        (&json!(1), &json!([group]))
    );
    assert!(
        issue["provedAt"].is_null() && record["begun"].is_null(),
        "{record}"
    );
    let binding = suite
        .get(&format!("rolebinding onboard-{alice} -n {alice}"))
        .expect("their binding");
    assert_eq!(binding["subjects"][0]["name"], group);

    let file = suite.path(&format!("{alice}.kubeconfig"));
    let output = suite
        .accept(&alice)
        .args(["-o", "json", "--out"])
        .args([&file])
        .run();
    let accepted = output.success().json();
    assert_eq!(accepted["kind"], "OnboardAccept");
    assert_eq!(
        (
            &accepted["verified"],
            &accepted["merged"],
            &accepted["generation"]
        ),
        (&json!(true), &json!(false), &json!(1)),
        "{output}"
    );
    suite.has_private_file(&alice);
    let whoami = suite
        .as_user(&alice, "auth whoami -o json")
        .success()
        .json();
    let info = &whoami["status"]["userInfo"];
    assert_eq!(info["username"], alice);
    assert_eq!(info["groups"], json!([group, "system:authenticated"]));
    let seen = &info["extra"]["authentication.kubernetes.io/credential-id"][0];
    let digest = issue["sha256"].as_str().expect("a digest");
    assert_eq!(*seen, format!("X509SHA256={digest}"));
    suite
        .as_user(
            &alice,
            "create deployment hello --image=sandbox.local/web:1",
        )
        .success();
    suite.as_user(&alice, "get pods -n kube-system").code(1);

    // Again, everywhere: nothing changes.
    let before = fs::read(&crt).expect("their certificate");
    suite.sign(&alice, &csr(suite, &alice)).run().success();
    assert_eq!(fs::read(&crt).expect("their certificate"), before);
    assert_eq!(
        suite.record(&alice)["generations"].as_array().map(Vec::len),
        Some(1)
    );
    let before = fs::read(&file).expect("their kubeconfig");
    let again = suite.accept(&alice).args(["--out"]).args([&file]).run();
    again.success().says("unchanged");
    assert_eq!(fs::read(&file).expect("their kubeconfig"), before);
}

/// What a private key looks like in a file: the lines of its PEM body, and those of the base64 that
/// a kubeconfig wraps around the whole PEM text.
fn traces(key: &Path) -> Vec<String> {
    let pem = fs::read_to_string(key).expect("their key");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    // The public half at the end of the document is no secret.
    let secret = &body[40..88];
    let mut traces = vec![secret.to_owned(), "PRIVATE KEY".to_owned()];
    let wrapped = Command::new("base64").arg("-w0").arg(key).output();
    let wrapped = String::from_utf8(wrapped.expect("base64 is there").stdout).expect("text");
    traces.extend([wrapped[80..140].to_owned()]);
    traces
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn no_key_leaves(suite: &Suite) {
    let alice = suite.name("alice");
    let laptop = suite.path(&format!("laptop-{alice}"));
    let request = suite
        .program(&suite.plugin("kubectl-onboard"))
        .args(["request", &alice, "-v", "9", "-o", "yaml", "--out-dir"])
        .args([&laptop])
        .run();
    let sign = suite.sign(&alice, &csr(suite, &alice)).line("-v 9").run();
    let file = laptop.join("kubeconfig");
    let accept = suite
        .accept(&alice)
        .args(["-v", "9", "--out"])
        .args([&file])
        .run();
    let merge = suite
        .accept(&alice)
        .args(["-v", "9", "--merge", "--kubeconfig"])
        .args([laptop.join("own")])
        .run();
    let traces = traces(&laptop.join(format!("{alice}.key")));
    let kubeconfig = fs::read_to_string(&file).expect("their kubeconfig");
    assert!(
        kubeconfig.contains(&traces[2]),
        "the search finds a key where one is"
    );
    for output in [&request, &sign, &accept, &merge] {
        output.success();
        for (trace, text) in traces
            .iter()
            .flat_map(|trace| [(trace, &output.stdout), (trace, &output.stderr)])
        {
            assert!(!text.contains(trace), "{trace} in a stream of {output}");
        }
    }
    assert!(
        sign.stderr.contains("certificatesigningrequests"),
        "-v 9 shows requests"
    );
    let mut all = Vec::new();
    files(&suite.path("."), &mut all);
    let outside = all.iter().filter(|path| {
        !path
            .components()
            .any(|part| part.as_os_str() == laptop.file_name().expect("a name"))
    });
    let mut searched = 0;
    for path in outside {
        searched += 1;
        let text = String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned();
        for trace in &traces {
            assert!(
                !text.contains(trace.as_str()),
                "{trace} in {}",
                path.display()
            );
        }
    }
    assert!(searched > 0, "at least the certificate is outside");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
        assert_eq!(mode(&laptop), 0o700);
        assert_eq!(mode(&laptop.join(format!("{alice}.key"))), 0o600);
    }
    for kept in [
        suite.get(&format!("configmap onboard-{alice} -n groundcrew-system")),
        suite.get(&format!("csr -l groundcrew.dev/user={alice}")),
        suite.get(&format!("secrets,configmaps -n {alice}")),
    ] {
        let text = kept.unwrap_or_default().to_string();
        for trace in &traces {
            assert!(!text.contains(trace.as_str()), "{trace} in the cluster");
        }
    }
}

fn dry_run(suite: &Suite) {
    let alice = suite.name("alice");
    let _laptop = suite.requested(&alice, 1);
    for mode in ["client", "server"] {
        let run = suite.sign(&alice, &csr(suite, &alice));
        let output = run.line(&format!("--dry-run={mode}")).run();
        output
            .success()
            .answers("the key stays with the user: SHA256:");
        assert!(!suite.path(&format!("{alice}.crt")).exists());
        assert_eq!(suite.requests_of(&alice), 0);
        assert_eq!(suite.get(&format!("namespace {alice}")), None);
    }
}

fn out_of_reach(suite: &Suite) {
    let alice = suite.name("alice");
    let _laptop = suite.requested(&alice, 1);
    // Nobody listens on the port of discard.
    let run = suite.sign(&alice, &csr(suite, &alice));
    run.line("--user-server https://127.0.0.1:9")
        .run()
        .success();
    let output = suite.accept(&alice).line("-o json").run();
    output.code(4).says("written, but not verified");
    assert_eq!(output.json()["verified"], false);
    suite.has_private_file(&alice);
}

fn unknown_there(suite: &Suite) {
    let alice = suite.name("alice");
    let _laptop = suite.requested(&alice, 1);
    let through = suite.proxied();
    // The address in their file is the proxy's.
    let run = suite.sign(&alice, &csr(suite, &alice));
    run.kubeconfig(&through.kubeconfig).run().success();
    let refusal = Fault::Answer {
        code: 401,
        reason: "Unauthorized",
        retry_after: None,
    };
    through
        .proxy
        .add(Rule::times(100, Match::default(), refusal));
    let output = suite.accept(&alice).line("-o json").run();
    output.code(3).says("rejects this certificate (401)");
    assert_eq!(output.json()["verified"], false);
}

/// For every k: the admin's run dies at request k, and the same request is signed by the next one.
fn dying(suite: &Suite) {
    let through = suite.proxied();
    let run = |name: &str| {
        let run = suite.sign(name, &csr(suite, name));
        run.kubeconfig(&through.kubeconfig)
            .line("--timeout 5s")
            .run()
    };
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for k in 1.. {
            let name = suite.name("dying");
            let _laptop = suite.requested(&name, 1);
            through.break_at(k, &fault);
            let first = run(&name);
            if through.was_spared(k) {
                first.success();
                assert!(k > 10, "{k}");
                break;
            }
            assert_ne!(first.code, Some(0), "request {k}\n{first}");
            through.proxy.heal();
            let second = run(&name);
            assert_eq!(second.code, Some(0), "request {k}\n{first}\n{second}");
            let record = suite.record(&name);
            assert!(record["begun"].is_null(), "{record}");
            let issued = record["generations"].as_array().expect("generations");
            assert_eq!(issued.len(), 1, "{record}");
            assert_eq!(
                issued[0]["generation"], 1,
                "their request says which\n{record}"
            );
            suite.accept(&name).run().success();
        }
    }
}

fn two_admins(suite: &Suite) {
    for round in 0..12_u64 {
        let name = suite.name("twice");
        let _laptop = suite.requested(&name, 1);
        let run = |who: &str| {
            let run = suite.admin("onboard").args([&name, "--csr-file"]);
            let run = run.args([csr(suite, &name)]).args(["--out"]);
            run.args([suite.path(&format!("{who}-{round}"))])
        };
        let (one, two) = (run("one"), run("two"));
        let late = std::time::Duration::from_millis(15 * round);
        let (one, two) = std::thread::scope(|scope| {
            let other = scope.spawn(move || {
                std::thread::sleep(late);
                two.run()
            });
            (one.run(), other.join().expect("the other admin"))
        });
        let both = format!("round {round}\n{one}\n{two}");
        for (who, output) in [("one", &one), ("two", &two)] {
            // 2: the first was done already, and generation 1 with it.
            assert!(matches!(output.code, Some(0 | 2 | 5)), "{both}");
            let made = suite.path(&format!("{who}-{round}")).exists();
            assert_eq!(made, output.code == Some(0), "{both}");
        }
        assert!(one.code != Some(0) || two.code != Some(0), "{both}");
        let record = suite.record(&name);
        let issued = record["generations"].as_array().map(Vec::len);
        assert!(issued <= Some(1), "{record}; {both}");
    }
}
