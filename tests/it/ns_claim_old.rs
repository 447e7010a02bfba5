//! `kubectl ns-claim` on a Kubernetes that cannot guard claimers: admins and CI claim.

use harness::{Case, Need, Suite, action, eventually, moment};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "before_1_30_admins_claim_and_nobody_else",
        &[Need::Plugins, Need::PodSecurityPolicy],
        old,
    )]
}

fn old(suite: &Suite) {
    let run = |words: &str| suite.admin(&format!("ns-claim {words}")).run();
    // What a run that failed has left.
    run("uninstall --yes").success();
    for words in ["install", "install --dry-run=server"] {
        run(words)
            .code(1)
            .no_answer()
            .says("before Kubernetes 1.30 it cannot restrict claimers to their own claims")
            .says("only admins and CI can claim on it")
            .says("ns-claim install --guard none");
    }
    run("install --guard none")
        .success()
        .answers("only admins can claim");
    run("install --guard none").success().answers("0 of 10");
    run("install").success().answers("0 of 10");
    run("doctor").success().answers("only admins can claim");

    let (name, theirs) = (suite.name("lab"), suite.name("ana"));
    let claim = run(&format!("{name} --ttl 2h --purpose soak -o json"));
    assert_eq!(claim.success().json()["owner"], "admin");
    run(&format!("{name} --ttl 2h"))
        .code(5)
        .says("already yours");
    run(&format!("extend {name} --by 4h")).success();
    run("list --mine").success().answers(&name).answers("soak");
    run(&format!("{theirs} --owner {theirs} --ttl 2h")).success();
    for object in [
        "limitrange claim",
        "resourcequota claim",
        "networkpolicy default-deny",
    ] {
        assert!(
            suite.get(&format!("{object} -n {theirs}")).is_some(),
            "{object}"
        );
    }

    // Whoever has a claim may work in it and end it, and no more.
    let as_owner = |words: &str| {
        let run = suite.admin(words).args([format!("--as={theirs}")]);
        run.args(["--as-group=system:authenticated"]).run()
    };
    eventually("the right spreads", || {
        as_owner(&format!("auth can-i create deployments.apps -n {theirs}")).code == Some(0)
    });
    as_owner(&format!("label namespace {theirs} x=y"))
        .code(1)
        .says("cannot patch");
    as_owner("ns-claim")
        .code(1)
        .no_answer()
        .says("before Kubernetes 1.30 only admins and CI can claim")
        .says("--owner YOU");
    as_owner(&format!("delete namespace {theirs} --wait=false")).success();

    suite.annotate(&name, "expires-at", &moment(-60));
    let reap = |words: &str| run(&format!("reap --yes -o json {words}"));
    assert_eq!(action(reap("").success(), &name), "warned");
    assert_eq!(action(reap("--grace 0s").success(), &name), "deleted");
    eventually("it goes", || {
        suite.get(&format!("namespace {name}")).is_none()
    });
    run("report --since 1h --by owner")
        .success()
        .answers("admin");
    run("uninstall --yes").success();
}
