//! What `kubectl onboard request`, `--csr-file` and `accept` refuse.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::{Case, Need, Output, Suite};

use crate::onboard_handover::{csr, signed};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
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
        Case::new(
            "what_does_not_belong_together_is_not_accepted",
            signer,
            not_accepted,
        ),
    ]
}

fn nothing_overwritten(suite: &Suite) {
    let laptop = suite.requested("alice", 1);
    let before = fs::read(laptop.join("alice.key")).expect("their key");
    let again = |more: &str| {
        let run = suite.program(&suite.plugin("kubectl-onboard"));
        let run = run.args(["request", "alice", "--out-dir"]).args([&laptop]);
        run.line(more).run()
    };
    again("")
        .code(2)
        .no_answer()
        .says("alice.key already exists");
    fs::remove_file(laptop.join("alice.csr")).expect("their request");
    again("")
        .code(2)
        .no_answer()
        .says("alice.key already exists");
    assert_eq!(
        fs::read(laptop.join("alice.key")).expect("their key"),
        before
    );
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
    let good = fs::read_to_string(csr(suite, &alice)).expect("their request");
    let key = fs::read_to_string(laptop.join(format!("{alice}.key"))).expect("their key");
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
        ("--group payments", "the user has signed"),
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
    // The first certificate went to the user; its request is of no use any more.
    fs::remove_file(&crt).expect("their certificate");
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
    // The user would lose what they have, so somebody has to say it.
    suite.sign(&alice, &second).run().code(2).says("--force");
    assert!(!crt.exists());
    suite.as_user(&alice, "get pods").success();
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

fn not_accepted(suite: &Suite) {
    let alice = suite.name("alice");
    signed(suite, &alice);
    let good = fs::read_to_string(suite.path(&format!("{alice}.crt"))).expect("their certificate");
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
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a mode");
    }
    let output = accept(&good, &key);
    output.success();
    #[cfg(unix)]
    output.says("can be read by others").says("chmod 600");
    // Somebody else's file is not overwritten.
    fs::write(suite.path("tried"), "my notes").expect("a file");
    accept(&good, &key).code(2).says("--force");
    assert_eq!(
        fs::read_to_string(suite.path("tried")).expect("it"),
        "my notes"
    );
}
