//! `kubectl psp-advise fix`: what it prints and what it patches passes on the real API server.

use std::collections::BTreeSet;

use harness::{Case, Need, Suite};
use serde_json::Value;

use crate::psp_advise::corpus::{Dice, pod};
use crate::psp_advise::world::namespaces;

/// The corpus is the same in every run.
const SEED: u64 = 0x00C0_FFF0;

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![Case::new(
        "what_fix_prints_passes_on_the_server_and_needs_no_second_fix",
        cluster,
        fixed,
    )]
}

fn fixed(suite: &Suite) {
    let policy = [("restricted", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &policy).remove(0);
    let free = namespaces(suite, "enforce", &[("privileged", "latest".to_owned())]).remove(0);
    let mut dice = Dice::new(SEED);
    // A volume of the node cannot be taken away without breaking the pod.
    let pods: Vec<Value> = (0..300)
        .map(|index| {
            let mut pod = pod(&mut dice, &format!("p{index}"));
            pod["spec"]["volumes"] = Value::Null;
            pod
        })
        .collect();
    let names = |namespace: &str, text: &str| -> (BTreeSet<String>, String) {
        let output = suite
            .admin("create --dry-run=server --validate=false -f - -o name -n")
            .args([namespace])
            .stdin(text)
            .run();
        (
            output.stdout.lines().map(str::to_owned).collect(),
            output.stderr,
        )
    };
    let before = documents(&pods);
    let (valid, _) = names(&free, &before);
    let (passing, _) = names(&namespace, &before);
    assert!(
        valid.len() > 150 && passing.len() < valid.len() / 2,
        "{}",
        passing.len()
    );

    let fix = |format: &str, text: &str| {
        suite
            .admin("psp-advise fix --to restricted --version latest --risk all -f - --format")
            .args([format, "--server-version", "cluster"])
            .stdin(text)
            .run()
    };
    let after = fix("inplace", &before);
    after
        .success()
        .says("300 pass restricted:latest afterwards");
    let again = fix("diff", &after.stdout);
    again.success().no_answer();
    let (accepted, errors) = names(&namespace, &after.stdout);
    let lost: Vec<&String> = valid.difference(&accepted).collect();
    let errors: Vec<&str> = errors
        .lines()
        .filter(|line| !line.starts_with("Warning"))
        .collect();
    assert!(lost.is_empty(), "{lost:?}\n{errors:#?}");
}

fn documents(items: &[Value]) -> String {
    items
        .iter()
        .map(|item| format!("---\n{item:#}\n"))
        .collect()
}
