//! `kubectl onboard doctor`: the cluster, and records that disagree with reality.

use harness::{Case, Fault, Need, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    let no_signer = &[Need::Plugins, Need::NoSigner];
    let proxy = &[Need::Plugins, Need::Signer, Need::Sandbox];
    vec![
        Case::new(
            "whatever_answer_is_lost_the_probe_is_removed",
            proxy,
            cut_doctor,
        ),
        Case::new(
            "the_doctor_sees_every_disagreement",
            signer,
            planted_disagreements,
        ),
        Case::new(
            "the_doctor_sees_what_runs_left_behind",
            signer,
            planted_leftovers,
        ),
        Case::new(
            "the_doctor_says_what_it_could_not_see",
            signer,
            blind_doctor,
        ),
        Case::new("what_the_doctor_grants_is_enough", signer, grants),
        Case::new(
            "the_doctor_finds_out_that_nothing_is_signed",
            no_signer,
            doctor_without_signer,
        ),
        Case::new(
            "an_interrupted_doctor_removes_its_probe",
            no_signer,
            interrupted_doctor,
        ),
        Case::new("a_token_without_its_secret_is_broken", signer, dead_token),
    ]
}

/// Runs the doctor and returns what it says about one person: other cases plant things too.
fn diagnosed(suite: &Suite, name: &str) -> Vec<String> {
    let run = suite.admin("onboard doctor --no-probe -o json").run();
    let found = run.json();
    assert_eq!(found["kind"], "OnboardDiagnosis");
    let findings = found["findings"].as_array().expect("findings").iter();
    let lines: Vec<String> = findings
        .filter_map(|one| {
            let text = |key: &str| one[key].as_str().unwrap_or_default();
            let line = format!("{} {} {}", text("severity"), text("where"), text("why"));
            if !line.contains(name) {
                return None;
            }
            assert!(one["fix"].is_string(), "{one}");
            Some(line)
        })
        .collect();
    if lines.iter().any(|line| line.starts_with("error")) {
        run.code(3);
    } else {
        assert!(matches!(run.code, Some(3 | 4)), "{run}");
    }
    lines
}

/// Returns what the doctor says about one thing that it looks at.
fn finding(found: &Value, what: &str) -> Value {
    let mut findings = found["findings"].as_array().expect("findings").iter();
    let one = findings.find(|one| one["what"] == what);
    one.expect("a finding").clone()
}

/// Checks that exactly one thing is said, with these words.
#[track_caller]
fn diagnosed_as(suite: &Suite, name: &str, words: &str) {
    let lines = diagnosed(suite, name);
    assert!(
        lines.len() == 1 && lines[0].contains(words),
        "expected {words:?} alone, got {lines:#?}"
    );
}

fn planted_disagreements(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    suite.onboard(&alice).line("--force").run().success();
    let admin = |words: String| {
        suite.admin(&words).run().success();
    };
    assert_eq!(diagnosed(suite, &alice), Vec::<String>::new());

    admin(format!(
        "annotate namespace {alice} --overwrite groundcrew.dev/owner=mallory"
    ));
    let lines = diagnosed(suite, &alice);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("is owned by mallory")),
        "{lines:#?}"
    );
    admin(format!(
        "annotate namespace {alice} --overwrite groundcrew.dev/owner={alice}"
    ));

    admin(format!(
        "create rolebinding back -n {alice} --clusterrole=view --group=onboard:{alice}:g1"
    ));
    diagnosed_as(
        suite,
        &alice,
        &format!("still gives view to g1 of {alice}, which was revoked"),
    );
    admin(format!("delete rolebinding back -n {alice}"));

    admin(format!(
        "create rolebinding stray -n {alice} --clusterrole=view --group=onboard:{alice}x:g1"
    ));
    diagnosed_as(suite, &alice, "belongs to no user on record");
    admin(format!("delete rolebinding stray -n {alice}"));

    let empty =
        format!("patch rolebinding onboard-{alice} -n {alice} --type=merge -p {{\"subjects\":[]}}");
    admin(empty);
    diagnosed_as(
        suite,
        &alice,
        &format!("does not name group onboard:{alice}:g2"),
    );
    admin(format!("delete rolebinding onboard-{alice} -n {alice}"));
    diagnosed_as(suite, &alice, "does not exist");
    // The fix that it names does fix it.
    suite.onboard(&alice).run().success();
    assert_eq!(diagnosed(suite, &alice), Vec::<String>::new());

    edit(suite, &alice, |record| {
        record["generations"][1]["notAfter"] = json!("2026-01-01T00:00:00Z");
    });
    let lines = diagnosed(suite, &alice);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("warning") && line.contains("g2, expired at")),
        "{lines:#?}"
    );
    edit(suite, &alice, |record| {
        record["generations"][1]["notAfter"] = json!("2099-01-01T00:00:00Z");
    });
    admin(format!("delete namespace {alice}"));
    let lines = diagnosed(suite, &alice);
    assert!(
        lines
            .iter()
            .any(|line| line.contains(&format!("the namespace of {alice} does not exist"))),
        "{lines:#?}"
    );
}

/// Changes a record behind the plugin's back.
fn edit(suite: &Suite, name: &str, change: impl FnOnce(&mut Value)) {
    let mut record = suite.record(name);
    change(&mut record);
    let patch = json!({"data": {"record.json": record.to_string()}});
    suite
        .admin(&format!(
            "patch configmap onboard-{name} -n groundcrew-system --type=merge -p"
        ))
        .args([patch.to_string()])
        .run()
        .success();
}

fn planted_leftovers(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    edit(suite, &alice, |record| {
        record["begun"] = json!({
            "generation": 2, "by": "carol", "since": "2026-01-01T00:00:00Z",
        });
    });
    let lines = diagnosed(suite, &alice);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].starts_with("warning") && lines[0].contains("a run of carol for"));
    // The fix that it names does fix it.
    suite.onboard(&alice).line("--force").run().success();
    assert_eq!(diagnosed(suite, &alice), Vec::<String>::new());
    // A Secret of a generation that is on no record: a token may be bound to it.
    let secret = format!("onboard-{alice}-g9");
    let object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {
        "name": secret,
        "namespace": "groundcrew-system",
        "labels": {
            "app.kubernetes.io/managed-by": "kubectl-onboard",
            "groundcrew.dev/user": alice,
        },
        "annotations": {"groundcrew.dev/generation": "9"},
    }});
    suite
        .admin("create -f -")
        .stdin(&object.to_string())
        .run()
        .success();
    // A run that is under way makes its Secret before its record: half a minute is left to it.
    eventually("it is found", || !diagnosed(suite, &alice).is_empty());
    diagnosed_as(suite, &alice, "belongs to no credential on record");
    suite
        .admin(&format!("delete secret {secret} -n groundcrew-system"))
        .run()
        .success();
}

fn dead_token(suite: &Suite) {
    let bob = suite.name("bob");
    suite
        .onboard(&bob)
        .line("--auth token --expires 1h")
        .run()
        .success();
    assert_eq!(diagnosed(suite, &bob), Vec::<String>::new());
    suite
        .admin(&format!(
            "delete secret onboard-{bob}-g1 -n groundcrew-system"
        ))
        .run()
        .success();
    diagnosed_as(suite, &bob, "the Secret of the g1 token");
}

fn blind_doctor(suite: &Suite) {
    let nobody = suite.name("nobody");
    let run = suite
        .admin(&format!("onboard doctor -o json --as {nobody}"))
        .run();
    let found = run.code(3).json();
    assert_eq!(found["complete"], false);
    let severity = |check: &str| finding(&found, check)["severity"].clone();
    let is_unseen = |check: &str| {
        let mut unseen = found["unseen"].as_array().expect("unseen").iter();
        unseen.any(|one| one["what"] == check)
    };
    assert_eq!(severity("cluster version"), "ok");
    assert_eq!(severity("your rights"), "error");
    for check in ["signer", "network policy", "records"] {
        assert!(is_unseen(check), "{check}: {found}");
    }
    assert!(run.stdout.contains("--grant"), "{run}");
}

fn grants(suite: &Suite) {
    let carol = suite.name("carol");
    let yaml = suite
        .admin(&format!("onboard doctor --grant {carol} -o yaml"))
        .run();
    // Two runs of this test must not take each other's grants away.
    let role = format!("groundcrew-onboarder-{carol}");
    let yaml = yaml
        .success()
        .stdout
        .replace("\"groundcrew-onboarder\"", &format!("\"{role}\""));
    suite.admin("apply -f -").stdin(&yaml).run().success();
    let doctor = || {
        let run = suite
            .admin(&format!("onboard doctor -o json --as {carol}"))
            .run();
        finding(&run.json(), "your rights")["severity"] == "ok"
    };
    eventually("the rights are there", doctor);
    let alice = suite.name("alice");
    let onboarded = suite.onboard(&alice).line(&format!("--as {carol}")).run();
    let verified = suite
        .admin(&format!("onboard verify {alice} --as {carol}"))
        .run();
    let shown = suite
        .admin(&format!("onboard status {alice} --as {carol}"))
        .run();
    suite.admin("delete -f -").stdin(&yaml).run().success();
    onboarded.success();
    verified.success();
    shown.success();
}

fn probes(suite: &Suite) -> usize {
    let Some(all) = suite.get("csr") else {
        return 0;
    };
    let names = all["items"].as_array().expect("items").iter();
    names
        .filter(|one| {
            let name = one["metadata"]["name"].as_str();
            name.is_some_and(|name| name.starts_with("onboard-doctor-"))
        })
        .count()
}

fn doctor_without_signer(suite: &Suite) {
    let run = suite.admin("onboard doctor --timeout 2s -o json").run();
    let found = run.json();
    let signer = finding(&found, "signer");
    assert_eq!(signer["severity"], "warning");
    let text = signer["why"].as_str().expect("a text");
    assert!(text.contains("issued nothing within 2s"), "{text}");
    eventually("the probe is gone", || {
        // Another case may have one of its own for a moment.
        probes(suite) == 0
    });
}

fn interrupted_doctor(suite: &Suite) {
    let mut seen = false;
    let run = suite
        .admin("onboard doctor --timeout 60s")
        .interrupt_when(|| {
            seen = seen || probes(suite) > 0;
            seen
        });
    run.code(130);
    assert!(seen, "the probe was never there");
    eventually("the probe is gone", || {
        // Another case may have one of its own for a moment.
        probes(suite) == 0
    });
}

/// For every k: the answer to request k is lost, and the probe goes all the same.
fn cut_doctor(suite: &Suite) {
    let through = suite.proxied();
    let doctor = || {
        suite
            .admin("onboard doctor -o json")
            .kubeconfig(&through.kubeconfig)
            .run()
    };
    let signed = doctor().json();
    assert_eq!(finding(&signed, "signer")["severity"], "ok");
    let requests = through.proxy.count();
    for k in 1..=requests {
        through.break_at(k, &Fault::CutAfter);
        let run = doctor();
        assert!(run.code.is_some(), "{run}");
        through.proxy.heal();
    }
    eventually("the probes are gone", || {
        // Another case may have one of its own for a moment.
        probes(suite) == 0
    });
}
