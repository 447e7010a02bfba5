//! `kubectl onboard --claims`: the right to claim temporary namespaces, and its end.

use harness::{Case, Need, Suite};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![Case::new(
        "who_may_claim_does_and_loses_it_with_her_access",
        needs,
        claims,
    )]
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

    // The right is carried over, and the claim stays hers.
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
