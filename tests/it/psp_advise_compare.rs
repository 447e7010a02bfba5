//! `kubectl psp-advise diff` and `upgrade`: gates that close for what is new, and for nothing else.

use std::path::{Path, PathBuf};

use harness::{Case, Need, Output, Suite};

/// Names a host in a probe, which the standards forbid from v1.34 on.
const OLD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: x}\nspec:\n  \
    containers:\n  - name: c\n    image: i\n    \
    livenessProbe: {httpGet: {host: 10.0.0.1, port: 80}}\n";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "a_difference_that_widens_closes_the_gate_and_one_that_narrows_does_not",
            &[Need::Plugins],
            difference,
        ),
        Case::new(
            "an_upgrade_names_the_verdicts_that_change_with_the_server",
            &[Need::Plugins],
            upgrade,
        ),
    ]
}

fn folder(suite: &Suite, name: &str, text: &str) -> PathBuf {
    let folder = suite.path(name);
    std::fs::create_dir(&folder).expect("the case's directory can be written");
    std::fs::write(folder.join("a.yaml"), text).expect("the case's directory can be written");
    folder
}

fn squeezed(output: &Output) -> Vec<String> {
    let lines = output.stdout.lines().skip(1);
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn difference(suite: &Suite) {
    let old = folder(suite, "old", OLD);
    let new = folder(
        suite,
        "new",
        &OLD.replace("spec:", "spec:\n  hostPID: true"),
    );
    let run = |one: &Path, other: &Path| {
        suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .line("diff")
            .args([one, other])
            .run()
    };
    let wider = run(&old, &new);
    assert_eq!(
        squeezed(wider.code(3)),
        [
            "x/pod/p baseline violates violates hostNamespaces <none>",
            "x/pod/p restricted violates violates hostNamespaces <none>",
        ]
    );
    let narrower = run(&new, &old);
    assert_eq!(
        squeezed(narrower.code(0)),
        [
            "x/pod/p baseline violates violates <none> hostNamespaces",
            "x/pod/p restricted violates violates <none> hostNamespaces",
        ]
    );
    run(&old, &old).success().no_answer();
}

fn upgrade(suite: &Suite) {
    let old = folder(suite, "old", OLD);
    let run = |from: &str, to: &str| {
        suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .args(["upgrade", "--from", from, "--to", to, "-f"])
            .args([&old])
            .run()
    };
    let changed = run("v1.33", "v1.34");
    assert_eq!(
        squeezed(changed.code(3)),
        [
            "x/pod/p baseline passes violates hostProbesAndHostLifecycle <none>",
            "x/pod/p restricted violates violates hostProbesAndHostLifecycle <none>",
        ]
    );
    run("v1.30", "v1.33").success().no_answer();
}
