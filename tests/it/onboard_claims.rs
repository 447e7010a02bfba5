//! `kubectl onboard --claims`: the right to claim temporary namespaces, and its end.

use std::path::Path;

use harness::{Case, Need, Output, Suite, eventually};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new(
            "who_may_claim_does_and_loses_it_with_their_access",
            needs,
            claims,
        ),
        Case::new(
            "a_claim_is_carried_over_to_the_next_file_and_leaves_the_old_one",
            needs,
            renewed,
        ),
        Case::new("what_a_token_has_claimed_ends_with_it", needs, token),
    ]
}

fn with(suite: &Suite, file: &Path, words: &str) -> Output {
    suite.admin(words).kubeconfig(file).run()
}

fn claims(suite: &Suite) {
    let _installed = suite.claims();
    let (name, other) = (suite.name("claimer"), suite.name("other"));
    suite.onboard(&name).line("--claims").run().success();
    suite.onboard(&other).run().success();
    let claim = |who: &str, what: &str| {
        let file = suite.path(&format!("{who}.kubeconfig"));
        let run = suite.admin(&format!("ns-claim {what} --ttl 1h"));
        run.kubeconfig(&file).run()
    };
    let temporary = suite.name("temporary");
    claim(&name, &temporary).success();
    assert_eq!(suite.holder(&temporary), Some(name.clone()));
    claim(&other, &suite.name("none")).code(1);

    // The right is carried over, and the claim stays theirs.
    let new = suite.path("new.kubeconfig");
    let renew = suite.admin(&format!("onboard renew {name} --grace 0 --out"));
    renew.args([&new]).run().success();
    let second = suite.name("second");
    let run = suite.admin(&format!("ns-claim {second} --ttl 1h"));
    run.kubeconfig(&new).run().success();

    let output = suite.admin(&format!("onboard offboard {name} --yes")).run();
    output
        .success()
        .says(&format!("namespace/{temporary} deleted"))
        .says(&format!("namespace/{second} deleted"));
    let run = suite.admin(&format!("ns-claim {} --ttl 1h", suite.name("late")));
    run.kubeconfig(&new).run().code(1);
    for claimed in [&temporary, &second] {
        let left = suite.get(&format!("namespace {claimed}"));
        let going = left.is_none_or(|found| !found["metadata"]["deletionTimestamp"].is_null());
        assert!(going, "{claimed}");
    }
}

/// Whom the binding of a claim names.
fn owners(suite: &Suite, claim: &str) -> Vec<String> {
    let binding = suite.get(&format!("rolebinding claim-owner -n {claim}"));
    let subjects = binding.expect("a binding")["subjects"].clone();
    let subjects = subjects.as_array().cloned().unwrap_or_default();
    let names = subjects.iter().map(|one| one["name"].as_str());
    names.map(|name| name.unwrap_or("").to_owned()).collect()
}

fn renewed(suite: &Suite) {
    let _installed = suite.claims();
    let (name, claim) = (suite.name("claimer"), suite.name("temporary"));
    suite.onboard(&name).line("--claims").run().success();
    let (old, new) = (
        suite.path(&format!("{name}.kubeconfig")),
        suite.path("new.kubeconfig"),
    );
    with(suite, &old, &format!("ns-claim {claim} --ttl 2h --wait")).success();
    let group = |generation| format!("onboard:{name}:g{generation}");
    assert_eq!(owners(suite, &claim), [group(1)]);

    let renew = suite.admin(&format!("onboard renew {name} --grace 10s --out"));
    let renewed = renew.args([&new]).run();
    renewed
        .success()
        .says(&format!("rolebinding/{claim}/claim-owner configured"));
    assert_eq!(owners(suite, &claim), [group(1), group(2)]);
    let extend = format!("ns-claim extend {claim} --by 10m");
    let work = format!("create configmap work --dry-run=server -n {claim}");
    for file in [&old, &new] {
        eventually("the rights spread", || {
            with(suite, file, &work).code == Some(0)
        });
        with(suite, file, &extend).success();
    }

    eventually("their grace is over", || {
        let due = suite.admin(&format!("onboard renew {name} --due")).run();
        due.success();
        owners(suite, &claim) == [group(2)]
    });
    with(suite, &new, &extend).success();
    eventually("the old file is out", || {
        with(suite, &old, &work).code == Some(1)
    });
    with(suite, &old, &extend).code(1);
    with(suite, &new, &format!("ns-claim release {claim}")).success();
}

fn token(suite: &Suite) {
    let _installed = suite.claims();
    let (name, claim) = (suite.name("claimer"), suite.name("temporary"));
    let onboard = suite.onboard(&name).line("--claims --auth token");
    onboard.run().success();
    let file = suite.path(&format!("{name}.kubeconfig"));
    with(suite, &file, &format!("ns-claim {claim} --ttl 2h --wait")).success();
    let offboard = suite.admin(&format!("onboard offboard {name} --yes"));
    offboard
        .run()
        .success()
        .says(&format!("namespace/{claim} deleted"));
}
