//! Rights that others gave, and what `leave` and `verify` say of them.

use harness::{Case, Need, Suite};
use serde_json::json;

pub(crate) fn cases() -> Vec<Case> {
    let signer = &[Need::Plugins, Need::Signer, Need::Controllers];
    vec![
        Case::new(
            "who_leaves_and_was_bound_by_others_still_has_rights",
            signer,
            leaves,
        ),
        Case::new(
            "a_file_that_logs_in_is_told_apart_and_runs_nothing",
            signer,
            login_file,
        ),
    ]
}

fn leaves(suite: &Suite) {
    let (cora, shop) = (suite.name("cora"), suite.name("shop"));
    suite
        .admin(&format!("create namespace {shop}"))
        .run()
        .success();
    suite.onboard(&cora).run().success();
    let onboard = |line: &str| suite.admin(&format!("onboard {line}")).run();
    onboard(&format!("join {cora} {shop}:admin -o json")).success();
    onboard(&format!("verify {cora} -o json")).success();
    let own = suite.path(&format!("{cora}.kubeconfig"));
    let member = |line: &str| {
        let line = format!("{line} -n {shop}");
        suite
            .program(&suite.cluster().kubectl())
            .kubeconfig(&own)
            .line(&line)
            .run()
            .success();
    };
    member(&format!(
        "create rolebinding sneaky --clusterrole=admin --user={cora}"
    ));
    member("create serviceaccount ci");
    member(&format!(
        "create rolebinding ci --clusterrole=edit --serviceaccount={shop}:ci"
    ));
    let verified = onboard(&format!("verify {cora} -o json"));
    verified.code(3).answers(&format!(
        "rolebinding/{shop}/sneaky grants ClusterRole admin to user {cora}"
    ));
    let left = onboard(&format!("leave {cora} {shop} -o json"));
    let document = left.code(3).json();
    assert_eq!(
        document["otherBindings"],
        json!([{"binding": format!("rolebinding/{shop}/sneaky"), "grants": "ClusterRole admin",
            "to": [format!("user {cora}")]}]),
        "{left}"
    );
    assert_eq!(
        document["madeMeanwhile"][0]["to"],
        json!([format!("serviceaccount {shop}/ci")]),
        "{left}"
    );
    left.says(&format!("still has rights in namespace {shop}"));
    suite
        .as_user(&cora, &format!("get pods -n {shop}"))
        .success();
    suite
        .admin(&format!("delete rolebinding sneaky -n {shop}"))
        .run()
        .success();
    suite.as_user(&cora, &format!("get pods -n {shop}")).code(1);
    onboard(&format!("verify {cora}")).success();
}

fn login_file(suite: &Suite) {
    let mark = suite.path("ran");
    let login = suite.file(
        "login.kubeconfig",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster: \
             {{server: 'https://127.0.0.1:1'}}\ncontexts:\n- name: c\n  context: {{cluster: c, \
             user: u, namespace: shop}}\nusers:\n- name: u\n  user:\n    exec: {{apiVersion: \
             client.authentication.k8s.io/v1, interactiveMode: Never, command: touch, args: \
             ['{}']}}\n",
            mark.display()
        ),
    );
    let found = suite.admin("onboard verify -o json").args([&login]).run();
    let document = found.code(4).json();
    assert_eq!(document["credentials"][0]["type"], "exec", "{found}");
    assert_eq!(document["complete"], false, "{found}");
    found.answers("touch");
    assert!(!mark.exists(), "the program of the file was run");
}
