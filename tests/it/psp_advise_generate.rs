//! `kubectl psp-advise generate vap` on the real API server: admits its inputs and nothing looser.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

use crate::psp_advise::corpus::{Dice, pod};
use crate::psp_advise::world::{list, namespaces};

const SEED: u64 = 0x0137;
/// Pods that a policy is made from.
const INPUTS: usize = 4;
/// Pods at random that it is tried with.
const PODS: usize = 80;

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "a_level_with_exceptions_admits_its_inputs_and_refuses_what_needs_others",
            cluster,
            excepted,
        ),
        Case::new(
            "the_comparison_with_the_level_finds_no_difference",
            cluster,
            verify,
        ),
    ]
}

/// Valid pods at random, as the server says in a namespace that asks for nothing.
fn valid(suite: &Suite, dice: &mut Dice, namespace: &str, stem: &str, count: usize) -> Vec<Value> {
    let pods: Vec<Value> = (0..count)
        .map(|index| {
            let mut pod = pod(dice, &format!("{stem}{index}"));
            pod["metadata"]["namespace"] = json!(namespace);
            pod
        })
        .collect();
    let server = suite
        .admin("create --dry-run=server --validate=false -o name -f -")
        .stdin(&list(&pods))
        .run();
    let names: BTreeSet<&str> = server.stdout.lines().collect();
    pods.into_iter()
        .filter(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            names.contains(format!("pod/{name}").as_str())
        })
        .collect()
}

/// The checks that each pod does not pass.
fn checks(suite: &Suite, pods: &[Value], level: &str) -> BTreeMap<String, BTreeSet<String>> {
    let output = suite
        .admin("psp-advise --server-version cluster -o jsonl --fail-on never -f - --level")
        .args([level])
        .stdin(&list(pods))
        .run();
    let lines = output.success().stdout.lines();
    lines
        .map(|line| {
            let decision: Value = serde_json::from_str(line).expect("a line is a document");
            let ids = decision["checks"].as_array().into_iter().flatten();
            let ids = ids.filter_map(|check| check["id"].as_str().map(str::to_owned));
            let name = decision["object"]["name"].as_str().unwrap_or_default();
            (name.to_owned(), ids.collect())
        })
        .collect()
}

fn excepted(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let mut dice = Dice::new(SEED);
    let (mut admitted, mut refused) = (0, 0);
    for level in ["baseline", "restricted"] {
        let namespace = namespaces(suite, "enforce", &none).remove(0);
        let mut inputs = valid(suite, &mut dice, &namespace, "i", 12);
        inputs.truncate(INPUTS);
        assert_eq!(inputs.len(), INPUTS);
        let others = valid(suite, &mut dice, &namespace, "o", PODS);
        let emitted = suite
            .admin("psp-advise generate vap --server-version cluster -f - --level")
            .args([level, "--name", &namespace])
            .stdin(&list(&inputs))
            .run();
        suite
            .admin("apply -f -")
            .stdin(&emitted.success().stdout)
            .run()
            .success();
        let wrong = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "never", "namespace": namespace},
            "spec": {"containers": [{"name": "c", "image": "i",
                "ports": [{"containerPort": 64999, "hostPort": 64999}]}]}});
        eventually("the policy is in force", || {
            let run = suite.admin("create --dry-run=server -f -");
            let run = run.stdin(&wrong.to_string()).run();
            run.stderr.contains(&format!("'{namespace}'"))
        });
        let all: Vec<Value> = inputs.iter().chain(&others).cloned().collect();
        let server = suite
            .admin("create --dry-run=server --validate=false -o name -f -")
            .stdin(&list(&all))
            .run();
        assert!(!server.stderr.contains("resulted in error"), "{server}");
        let taken: BTreeSet<&str> = server.stdout.lines().collect();
        let is_taken = |name: &str| taken.contains(format!("pod/{name}").as_str());
        let ids = checks(suite, &all, level);
        let excepted: BTreeSet<&String> = ids
            .iter()
            .filter(|(name, _)| name.starts_with('i'))
            .flat_map(|(_, ids)| ids)
            .collect();
        for (name, ids) in &ids {
            if name.starts_with('i') || ids.is_empty() {
                assert!(is_taken(name), "{level} {name} {ids:?}\n{server}");
                admitted += 1;
            } else if ids.iter().any(|id| !excepted.contains(id)) {
                assert!(!is_taken(name), "{level} {name} {ids:?}\n{server}");
                refused += 1;
            }
        }
        let run = suite.admin("delete -f -").stdin(&emitted.stdout);
        run.run().success();
    }
    assert!(
        admitted >= 2 * INPUTS && refused > 30,
        "{admitted} {refused}"
    );
}

fn verify(suite: &Suite) {
    let agent = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "agent", "namespace": "x"},
        "spec": {"hostPID": true, "hostNetwork": true,
            "volumes": [{"name": "v", "hostPath": {"path": "/var/log"}}],
            "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 9100}],
                "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}]}});
    let run = |words: &str| {
        let line = format!("psp-advise generate vap --verify --yes -f - {words}");
        suite.admin(&line).stdin(&agent.to_string()).run()
    };
    run("--level restricted")
        .success()
        .says("no difference")
        .answers("kind: ValidatingAdmissionPolicyBinding");
}
