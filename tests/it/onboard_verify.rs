//! `kubectl onboard verify`: what a file or a person can do.

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new("a_file_that_was_replaced_is_revoked", signer, replaced_file),
        Case::new(
            "a_file_that_reaches_too_far_is_a_no",
            signer,
            file_beyond_its_role,
        ),
        Case::new(
            "a_file_of_somebody_else_is_a_no",
            signer,
            file_of_somebody_else,
        ),
        Case::new(
            "without_the_record_a_file_is_an_open_answer",
            signer,
            file_without_record,
        ),
        Case::new("a_token_without_its_secret_is_a_no", signer, dead_token),
        Case::new("a_person_is_verified_without_their_key", signer, person),
        Case::new(
            "a_person_who_may_not_be_asked_about_is_an_open_answer",
            signer,
            unasked_person,
        ),
    ]
}

/// Runs `kubectl onboard verify FILE -o json` for a file of the case.
fn verify_file(suite: &Suite, file: &str, code: i32) -> Value {
    let output = suite
        .admin("onboard verify -o json")
        .args([suite.path(file)])
        .run();
    let found = output.code(code).json();
    assert_eq!(found["kind"], "OnboardVerification");
    found
}

/// Returns the checks that are not as expected, by name.
fn open(found: &Value) -> Vec<String> {
    let checks = found["checks"].as_array().expect("checks").iter();
    let unseen = found["unseen"].as_array().expect("unseen").iter();
    let failed = checks
        .filter(|check| check["result"] != "ok")
        .map(|check| format!("{}: {}", check["check"], check["why"]));
    let unseen = unseen.map(|one| format!("{}: {}", one["what"], one["why"]));
    failed.chain(unseen).collect()
}

fn replaced_file(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let file = format!("{alice}.kubeconfig");
    let good = verify_file(suite, &file, 0);
    assert_eq!(good["user"], alice);
    assert_eq!(good["credentials"][0]["state"], "live");
    assert!(good["can"].as_array().is_some_and(|can| can.len() == 8));
    std::fs::copy(suite.path(&file), suite.path("old.kubeconfig")).expect("a copy");
    suite.onboard(&alice).line("--force").run().success();
    let old = verify_file(suite, "old.kubeconfig", 3);
    assert_eq!(old["credentials"][0]["state"], "revoked");
    assert_eq!(old["can"], json!([]));
    let open = open(&old);
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(open[0].contains("replaced by generation 2"), "{open:?}");
    let new = verify_file(suite, &file, 0);
    assert_eq!(new["credentials"][0]["generation"], 2);
}

fn file_beyond_its_role(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let binding = format!("{alice}-too-far");
    suite
        .admin("create clusterrolebinding --clusterrole=cluster-admin")
        .args([&binding, &format!("--group=onboard:{alice}:g1")])
        .run()
        .success();
    eventually("the right is there", || {
        let secrets = suite.as_user(&alice, "get secrets -n kube-system");
        secrets.code == Some(0)
    });
    let found = verify_file(suite, &format!("{alice}.kubeconfig"), 3);
    let person = suite.admin("onboard verify").args([&alice]).run();
    suite
        .admin("delete clusterrolebinding")
        .args([&binding])
        .run()
        .success();
    let open = open(&found);
    assert_eq!(open.len(), 3, "{open:?}");
    // The server says through what, and so does the proof.
    person.code(3).answers(&binding);
}

fn file_of_somebody_else(suite: &Suite) {
    let output = suite
        .admin("onboard verify")
        .args([suite.cluster().kubeconfig()])
        .run();
    output
        .code(3)
        .answers("a credential of kubectl onboard")
        .answers("it can");
    // A file that is none is refused before anything is sent.
    let none = suite.file("none.yaml", "a: b\n");
    suite
        .admin("onboard verify")
        .args([none])
        .run()
        .code(2)
        .no_answer();
    suite
        .admin("onboard verify ./absent.kubeconfig")
        .run()
        .code(2)
        .says("absent.kubeconfig");
    suite
        .admin("onboard verify nobody-of-that-name")
        .run()
        .code(1)
        .says("there is no record of user nobody-of-that-name");
}

fn file_without_record(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let file = suite.path(&format!("{alice}.kubeconfig"));
    let verify = |run: harness::Run| run.line("onboard verify").args([&file]).run();
    let as_user = suite.program(&suite.cluster().kubectl()).kubeconfig(&file);
    verify(as_user)
        .code(4)
        .answers("whether generation 1 was revoked")
        .answers("forbidden");
    // No kubeconfig at all: the file alone.
    let alone = suite.program(&suite.cluster().kubectl());
    verify(alone)
        .code(4)
        .answers("whether generation 1 was revoked");
}

fn dead_token(suite: &Suite) {
    let bob = suite.name("bob");
    suite
        .onboard(&bob)
        .line("--auth token --expires 1h")
        .run()
        .success();
    let file = format!("{bob}.kubeconfig");
    let good = verify_file(suite, &file, 0);
    assert_eq!(good["user"], bob);
    suite
        .admin(&format!("onboard verify {bob}"))
        .run()
        .success();
    suite
        .admin(&format!(
            "delete secret onboard-{bob}-g1 -n groundcrew-system"
        ))
        .run()
        .success();
    suite
        .admin(&format!("onboard verify {bob}"))
        .run()
        .code(3)
        .answers("it is gone, and the token with it");
    eventually("the token ends", || {
        suite.as_user(&bob, "get pods").stderr.contains("logged in")
    });
    let dead = verify_file(suite, &file, 3);
    assert!(open(&dead)[0].contains("401"), "{dead}");
}

fn person(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    suite.onboard(&alice).line("--force").run().success();
    let verify = || {
        let run = suite.admin("onboard verify -o json").args([&alice]).run();
        (run.json(), run.code)
    };
    let (good, code) = verify();
    assert_eq!(code, Some(0), "{good}");
    assert_eq!(good["credentials"].as_array().map(Vec::len), Some(2));
    assert_eq!(good["credentials"][0]["state"], "revoked");
    assert_eq!(good["credentials"][1]["state"], "live");
    assert!(good["checks"].as_array().is_some_and(|all| all.len() >= 20));
    // The old generation gets rights back behind the record's back.
    suite
        .admin(&format!(
            "create rolebinding back -n {alice} --clusterrole=view --group=onboard:{alice}:g1"
        ))
        .run()
        .success();
    eventually("the right is there", || verify().1 == Some(3));
    let (bad, _) = verify();
    let bad = open(&bad);
    let names = |check: &&String| check.contains("no other binding names");
    assert_eq!(bad.iter().filter(names).count(), 1, "{bad:?}");
    assert!(
        bad.iter()
            .filter(|check| !names(check))
            .all(|check| check.contains("g1 cannot") && check.contains("back")),
        "{bad:?}"
    );
    suite
        .admin(&format!(
            "delete rolebinding back onboard-{alice} -n {alice}"
        ))
        .run()
        .success();
    eventually("the rights are gone", || {
        open(&verify().0)
            .iter()
            .any(|check| check.contains("g2 can"))
    });
    let (bad, code) = verify();
    assert_eq!(code, Some(3));
    assert!(open(&bad)[0].contains("does not exist"), "{bad}");
}

fn unasked_person(suite: &Suite) {
    let alice = suite.name("alice");
    suite.onboard(&alice).run().success();
    let reader = suite.name("reader");
    suite
        .admin(&format!(
            "create rolebinding {reader} -n groundcrew-system --clusterrole=view --user={reader}"
        ))
        .run()
        .success();
    let verify = || {
        suite
            .admin(&format!("onboard verify {alice} --as {reader}"))
            .run()
    };
    eventually("the right is there", || verify().code != Some(1));
    let output = verify();
    suite
        .admin(&format!("delete rolebinding {reader} -n groundcrew-system"))
        .run()
        .success();
    output
        .code(4)
        .answers("unknown")
        .answers("subjectaccessreviews");
}
