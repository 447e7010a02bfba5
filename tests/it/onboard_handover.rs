//! `kubectl onboard request`, `--csr-file` and `accept`: the key never leaves her laptop.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Case, Fault, Match, Need, Output, Rule, Suite};
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
        Case::new("three_steps_and_she_can_work", signer, three_steps),
        Case::new("no_key_leaves_its_directory", signer, no_key_leaves),
        Case::new(
            "what_is_there_is_not_overwritten",
            &[Need::Plugins],
            nothing_overwritten,
        ),
        Case::new(
            "a_request_for_more_is_refused_and_nothing_is_written",
            signer,
            refused,
        ),
        Case::new(
            "a_request_for_another_generation_is_told_the_right_one",
            signer,
            generations,
        ),
        Case::new("a_dry_run_signs_nothing", signer, dry_run),
        Case::new(
            "what_does_not_belong_together_is_not_accepted",
            signer,
            not_accepted,
        ),
        Case::new(
            "a_server_out_of_reach_leaves_the_proof_open",
            signer,
            out_of_reach,
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

fn csr(suite: &Suite, name: &str) -> PathBuf {
    suite.path(&format!("laptop-{name}/{name}.csr"))
}

fn signed(suite: &Suite, name: &str) -> Value {
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
        .expect("her binding");
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
    let whoami = suite.as_her(&alice, "auth whoami -o json").success().json();
    let info = &whoami["status"]["userInfo"];
    assert_eq!(info["username"], alice);
    assert_eq!(info["groups"], json!([group, "system:authenticated"]));
    let seen = &info["extra"]["authentication.kubernetes.io/credential-id"][0];
    let digest = issue["sha256"].as_str().expect("a digest");
    assert_eq!(*seen, format!("X509SHA256={digest}"));
    suite
        .as_her(
            &alice,
            "create deployment hello --image=sandbox.local/web:1",
        )
        .success();
    suite.as_her(&alice, "get pods -n kube-system").code(1);

    // Again, everywhere: nothing changes.
    let before = fs::read(&crt).expect("her certificate");
    suite.sign(&alice, &csr(suite, &alice)).run().success();
    assert_eq!(fs::read(&crt).expect("her certificate"), before);
    assert_eq!(
        suite.record(&alice)["generations"].as_array().map(Vec::len),
        Some(1)
    );
    let before = fs::read(&file).expect("her kubeconfig");
    let again = suite.accept(&alice).args(["--out"]).args([&file]).run();
    again.success().says("unchanged");
    assert_eq!(fs::read(&file).expect("her kubeconfig"), before);
}

/// What a private key looks like in a file: the lines of its PEM body, and those of the base64 that
/// a kubeconfig wraps around the whole PEM text.
fn traces(key: &Path) -> Vec<String> {
    let pem = fs::read_to_string(key).expect("her key");
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
    let kubeconfig = fs::read_to_string(&file).expect("her kubeconfig");
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

fn nothing_overwritten(suite: &Suite) {
    let laptop = suite.requested("alice", 1);
    let before = fs::read(laptop.join("alice.key")).expect("her key");
    let again = |more: &str| {
        let run = suite.program(&suite.plugin("kubectl-onboard"));
        let run = run.args(["request", "alice", "--out-dir"]).args([&laptop]);
        run.line(more).run()
    };
    again("")
        .code(2)
        .no_answer()
        .says("alice.key is there already");
    fs::remove_file(laptop.join("alice.csr")).expect("her request");
    again("")
        .code(2)
        .no_answer()
        .says("alice.key is there already");
    assert_eq!(fs::read(laptop.join("alice.key")).expect("her key"), before);
    again("--generation 2").success().answers("alice.g2.csr");
    again("--generation 0").code(2).no_answer();
    let hostile = suite.program(&suite.plugin("kubectl-onboard"));
    let hostile = hostile.args(["request", "system:admin"]).run();
    hostile.code(2).no_answer().says("belong to Kubernetes");
}

/// Makes a request with OpenSSL; `how` is `-newkey …` and the rest of its arguments.
fn openssl(suite: &Suite, file: &str, how: &str) -> PathBuf {
    let path = suite.path(file);
    let made = Command::new("openssl")
        .args(["req", "-new", "-nodes", "-keyout", "/dev/null", "-out"])
        .arg(&path)
        .args(how.split_whitespace())
        .output()
        .expect("openssl is there");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    path
}

fn is_untouched(suite: &Suite, name: &str, output: &Output) {
    output.no_answer();
    assert!(!suite.path(&format!("{name}.crt")).exists(), "{output}");
    assert_eq!(suite.get(&format!("namespace {name}")), None, "{output}");
    assert_eq!(suite.requests_of(name), 0, "{output}");
    let record = suite.get(&format!("configmap onboard-{name} -n groundcrew-system"));
    assert_eq!(record, None, "{output}");
}

fn refused(suite: &Suite) {
    let alice = suite.name("alice");
    let own = format!("O=onboard:{alice}:g1");
    let p256 = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj";
    let laptop = suite.requested(&alice, 1);
    let good = fs::read_to_string(csr(suite, &alice)).expect("her request");
    let key = fs::read_to_string(laptop.join(format!("{alice}.key"))).expect("her key");
    // A bit of the signature, which stands at the end.
    let body: Vec<&str> = good.lines().collect();
    let last = body[body.len() - 2];
    let flipped = if last.starts_with('A') { "B" } else { "A" };
    let forged = good.replace(last, &format!("{flipped}{}", &last[1..]));
    for (file, why) in [
        (
            openssl(
                suite,
                "masters",
                &format!("{p256} /O=system:masters/CN={alice}"),
            ),
            "asks for group \"system:masters\"",
        ),
        (
            openssl(
                suite,
                "both",
                &format!("{p256} /{own}/O=system:masters/CN={alice}"),
            ),
            "asks for group \"system:masters\"",
        ),
        (
            openssl(suite, "bob", &format!("{p256} /{own}/CN=bob")),
            "it names \"bob\"",
        ),
        (
            openssl(suite, "none", &format!("{p256} /CN={alice}")),
            "lacks the group",
        ),
        (
            openssl(
                suite,
                "rsa",
                &format!("-newkey rsa:512 -subj /{own}/CN={alice}"),
            ),
            "512 bits",
        ),
        (
            suite.file("forged", &forged),
            "not signed by the key that it carries",
        ),
        (suite.file("garbage", "garbage\n"), "no PEM block"),
        (suite.file("key", &key), "private key"),
        (suite.path("nowhere"), "cannot read"),
        (csr_of_generation(suite, &alice, 2), "the next one is 1"),
    ] {
        let output = suite.sign(&alice, &file).run();
        output.code(2).says(why);
        assert!(!output.stderr.contains(&key[60..90]), "a key is shown");
        is_untouched(suite, &alice, &output);
    }
    for (flags, why) in [
        ("--auth token", "--csr-file asks for a certificate"),
        ("--group payments", "somebody else has signed"),
    ] {
        let output = suite.sign(&alice, &csr(suite, &alice)).line(flags).run();
        output.code(2).says(why);
        is_untouched(suite, &alice, &output);
    }
    // None of that is held against the request that is good.
    suite.sign(&alice, &csr(suite, &alice)).run().success();
}

fn csr_of_generation(suite: &Suite, name: &str, generation: u32) -> PathBuf {
    suite
        .requested(name, generation)
        .join(format!("{name}.g{generation}.csr"))
}

fn generations(suite: &Suite) {
    let alice = suite.name("alice");
    signed(suite, &alice);
    let crt = suite.path(&format!("{alice}.crt"));
    suite.accept(&alice).run().success();
    let old = suite.path(&format!("{alice}.kubeconfig"));
    // The first certificate went to her; its request is of no use any more.
    fs::remove_file(&crt).expect("her certificate");
    let again = suite.sign(&alice, &csr(suite, &alice)).run();
    again
        .code(2)
        .says("the request is for generation 1")
        .says(&format!("kubectl onboard request {alice} --generation 2"));
    let third = csr_of_generation(suite, &alice, 3);
    suite
        .sign(&alice, &third)
        .run()
        .code(2)
        .says("the next one is 2");
    let second = csr_of_generation(suite, &alice, 2);
    // She would lose what she has, so somebody has to say it.
    suite.sign(&alice, &second).run().code(2).says("--force");
    assert!(!crt.exists());
    suite.as_her(&alice, "get pods").success();
    suite.sign(&alice, &second).line("--force").run().success();
    let key = suite.path(&format!("laptop-{alice}/{alice}.g2.key"));
    let new = suite.path("new");
    suite
        .program(&suite.cluster().kubectl())
        .line("onboard accept")
        .args([&crt])
        .args(["--key"])
        .args([&key])
        .args(["--out"])
        .args([&new])
        .run()
        .success();
    let with = |file: &Path| {
        let run = suite.program(&suite.cluster().kubectl()).kubeconfig(file);
        run.line("get pods").run()
    };
    with(&new).success();
    with(&old).code(1).says("forbidden");
    let record = suite.record(&alice);
    assert!(
        record["generations"][0]["revokedAt"].is_string(),
        "{record}"
    );
    assert_eq!(record["generations"][1]["generation"], 2);
}

fn dry_run(suite: &Suite) {
    let alice = suite.name("alice");
    let _laptop = suite.requested(&alice, 1);
    for mode in ["client", "server"] {
        let run = suite.sign(&alice, &csr(suite, &alice));
        let output = run.line(&format!("--dry-run={mode}")).run();
        output.success().answers("her key stays with her: SHA256:");
        assert!(!suite.path(&format!("{alice}.crt")).exists());
        assert_eq!(suite.requests_of(&alice), 0);
        assert_eq!(suite.get(&format!("namespace {alice}")), None);
    }
}

fn not_accepted(suite: &Suite) {
    let alice = suite.name("alice");
    signed(suite, &alice);
    let good = fs::read_to_string(suite.path(&format!("{alice}.crt"))).expect("her certificate");
    let other = suite.requested("other", 1).join("other.key");
    let key = suite.path(&format!("laptop-{alice}/{alice}.key"));
    let accept = |text: &str, key: &Path| {
        let file = suite.file("tried.crt", text);
        let run = suite.program(&suite.cluster().kubectl());
        let run = run.line("onboard accept").args([file]).args(["--key"]);
        run.args([key]).args(["--out", "tried"]).run()
    };
    let start = good.find("-----BEGIN").expect("a certificate");
    for (text, key, why) in [
        (good.clone(), &other, "is not the key of"),
        (good.clone(), &suite.path("nowhere"), "cannot read"),
        (good.clone(), &suite.file("empty", ""), "no private key"),
        (
            good.replace("generation: 1", "generation: 2"),
            &key,
            "instead of",
        ),
        (
            good.replace(&format!("user: {alice}"), "user: bob"),
            &key,
            "its certificate names",
        ),
        (good[..start].to_owned(), &key, "no certificate"),
        (good[start..].to_owned(), &key, "which cluster"),
        ("garbage".to_owned(), &key, "no certificate"),
    ] {
        accept(&text, key).code(2).no_answer().says(why);
        assert!(!suite.path("tried").exists(), "{why}");
    }
    accept(&good, &key).success();
    // Somebody else's file is not overwritten.
    fs::write(suite.path("tried"), "my notes").expect("a file");
    accept(&good, &key).code(2).says("--force");
    assert_eq!(
        fs::read_to_string(suite.path("tried")).expect("it"),
        "my notes"
    );
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
    output.code(4).says("it is written and not proved");
    assert_eq!(output.json()["verified"], false);
    suite.has_private_file(&alice);
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
    let base = suite.name("base");
    let _laptop = suite.requested(&base, 1);
    run(&base).success();
    let requests = through.proxy.count();
    assert!(requests > 10, "{requests}");
    for fault in [Fault::DieBefore, Fault::DieAfter] {
        for k in 1..=requests {
            let name = suite.name("dying");
            let _laptop = suite.requested(&name, 1);
            through.proxy.forget();
            through
                .proxy
                .add(Rule::once(Match::number(k), fault.clone()));
            let first = run(&name);
            assert_ne!(first.code, Some(0), "request {k} of {requests}\n{first}");
            through.proxy.heal();
            let second = run(&name);
            assert_eq!(second.code, Some(0), "request {k}\n{first}\n{second}");
            let record = suite.record(&name);
            assert!(record["begun"].is_null(), "{record}");
            let issued = record["generations"].as_array().expect("generations");
            assert_eq!(issued.len(), 1, "{record}");
            assert_eq!(
                issued[0]["generation"], 1,
                "her request says which\n{record}"
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
