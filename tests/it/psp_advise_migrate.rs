//! `kubectl psp-advise migrate --to vap` on the real API server: the emitted policy decides as
//! PodSecurityPolicy did.

use std::collections::BTreeMap;

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

use crate::psp_advise::corpus::{Dice, pod};
use crate::psp_advise::policies::{old, policy, rights};
use crate::psp_advise::world::{apply, list, namespaces};

const SEED: u64 = 0x0136;
/// Pods at random per set of policies.
const PODS: usize = 60;
/// Sets of policies.
const ROUNDS: usize = 3;

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "the_comparison_finds_no_difference_and_leaves_nothing_behind",
            cluster,
            verify,
        ),
        Case::new(
            "the_emitted_policy_agrees_with_the_engine_on_pods_at_random",
            cluster,
            agrees,
        ),
        Case::new(
            "what_cannot_be_carried_over_and_what_templates_need_is_said",
            &[Need::Plugins],
            losses,
        ),
    ]
}

fn hardened() -> Value {
    json!({"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy",
        "metadata": {"name": "hardened", "annotations": {
            "seccomp.security.alpha.kubernetes.io/allowedProfileNames": "runtime/default",
            "seccomp.security.alpha.kubernetes.io/defaultProfileName": "runtime/default"}},
        "spec": {"allowPrivilegeEscalation": false, "requiredDropCapabilities": ["ALL"],
            "volumes": ["configMap", "secret"], "runAsUser": {"rule": "MustRunAsNonRoot"},
            "seLinux": {"rule": "RunAsAny"}, "supplementalGroups": {"rule": "RunAsAny"},
            "fsGroup": {"rule": "RunAsAny"}}})
}

fn verify(suite: &Suite) {
    let output = suite
        .admin("psp-advise migrate --to vap --verify --yes -o json -f -")
        .stdin(&hardened().to_string())
        .run();
    let report = output.success().json();
    let verified = &report["verified"];
    let count = |field: &str| verified[field].as_u64().unwrap_or_default();
    assert!(
        count("admitted") > 50 && count("refused") > 50,
        "{verified}"
    );
    for kind in [
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ] {
        let left = suite
            .admin(&format!(
                "get {kind} -o name -l psp-advise.groundcrew.dev/verify"
            ))
            .run();
        // Other runs may be at work with names of their own; this one's went.
        let name = report["objects"][0]["metadata"]["name"]
            .as_str()
            .unwrap_or_default();
        assert!(!left.success().stdout.contains(name), "{left}");
    }
    suite
        .admin("psp-advise migrate --to vap --verify -f -")
        .stdin(&hardened().to_string())
        .run()
        .code(2)
        .says("--yes");
}

fn agrees(suite: &Suite) {
    let mut dice = Dice::new(SEED);
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    suite
        .admin(&format!(
            "create rolebinding edit --clusterrole=edit --user=tester -n {namespace}"
        ))
        .run()
        .success();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for round in 0..ROUNDS {
        let names: Vec<String> = (0..3)
            .map(|index| format!("{namespace}-{round}-{index}"))
            .collect();
        let mut policies: Vec<Value> = names.iter().map(|name| policy(&mut dice, name)).collect();
        // At random hardly any policy admits a pod without completing it.
        policies[2]["spec"] = wide(round);
        policies[2]["metadata"]["annotations"] =
            json!({"seccomp.security.alpha.kubernetes.io/allowedProfileNames": "*"});
        let rights: Vec<Value> = names
            .iter()
            .flat_map(|name| rights(&mut dice, &namespace, name))
            .collect();
        if !rights.is_empty() {
            apply(suite, &rights);
        }
        let file = suite.file(&format!("policies-{round}.json"), &list(&policies));
        let emitted = suite
            .admin("psp-advise migrate --to vap -o json --name")
            .args([&names[0]])
            .args(["-f".as_ref(), file.as_os_str()])
            .run();
        let mut objects = emitted.success().json()["objects"].clone();
        objects[1]["spec"]["matchResources"] = json!({"namespaceSelector": {"matchLabels":
            {"kubernetes.io/metadata.name": namespace}}});
        let objects: Vec<Value> = objects.as_array().cloned().unwrap_or_default();
        apply(suite, &objects);
        let never = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "never"},
            "spec": {"containers": [{"name": "c", "image": "i", "ports": [
                {"containerPort": 65535, "hostPort": 65535}], "securityContext": {
                "procMount": "Unmasked"}}], "hostUsers": false}});
        eventually("the policy is in force", || {
            let run = suite.admin("create --dry-run=server -f - --as tester -n");
            let run = run.args([&namespace]).stdin(&never.to_string()).run();
            run.stderr.contains(&format!("'{}'", names[0]))
        });
        let pods: Vec<Value> = (0..PODS)
            .map(|index| plain(old(pod(&mut dice, &format!("p{index}")))))
            .collect();
        compare(suite, &namespace, &names[0], &file, &pods, &mut counts);
        for items in [&objects, &rights] {
            let run = suite.admin("delete --wait=true --ignore-not-found -f -");
            run.stdin(&list(items)).run().success();
        }
    }
    for (what, least) in [("admitted", 8), ("refused", 20)] {
        let count = counts.get(what).copied().unwrap_or_default();
        assert!(count >= least, "{what}: {counts:?}");
    }
}

/// Allows most, and in every round something else not.
fn wide(round: usize) -> Value {
    let any = json!({"rule": "RunAsAny"});
    let mut spec = json!({"privileged": true, "hostNetwork": true, "hostPID": true,
        "hostIPC": true, "hostPorts": [{"min": 0, "max": 65535}], "volumes": ["*"],
        "allowedCapabilities": ["*"], "allowedUnsafeSysctls": ["*"], "seLinux": any,
        "runAsUser": any, "supplementalGroups": any, "fsGroup": any});
    match round {
        0 => spec["hostPID"] = json!(false),
        1 => spec["volumes"] = json!(["emptyDir", "secret", "csi", "nfs", "hostPath"]),
        _ => spec["allowedCapabilities"] = json!(["CHOWN", "NET_BIND_SERVICE", "NET_RAW"]),
    }
    spec
}

/// Takes out the annotations that only 1.24 read.
fn plain(mut pod: Value) -> Value {
    pod["metadata"]["annotations"] = Value::Null;
    pod
}

fn compare(
    suite: &Suite,
    namespace: &str,
    policy: &str,
    policies: &std::path::Path,
    pods: &[Value],
    counts: &mut BTreeMap<&'static str, usize>,
) {
    let server = suite
        .admin("create --dry-run=server --validate=false -o name -f - --as tester -n")
        .args([namespace])
        .stdin(&list(pods))
        .run();
    let decisions = suite
        .admin("psp-advise explain --engine psp --rbac cluster --as tester -o jsonl -f - -n")
        .args([namespace, "--psp"])
        .args([policies])
        .stdin(&list(pods))
        .run();
    for line in decisions.stdout.lines() {
        let decision: Value = serde_json::from_str(line).expect("a line is a document");
        let name = decision["object"]["name"].as_str().unwrap_or_default();
        let admitted = server
            .stdout
            .lines()
            .any(|line| line == format!("pod/{name}"));
        let refused = server.stderr.lines().any(|line| {
            line.contains(&format!("pods \"{name}\" is forbidden"))
                && line.contains(&format!("ValidatingAdmissionPolicy '{policy}'"))
        });
        assert!(!server.stderr.contains("resulted in error"), "{server}");
        if decision["mutated"] == true {
            // Completed and then admitted: only the fields that have to be there count now.
            *counts.entry("completed").or_default() += 1;
        } else if decision["allowed"] == true {
            assert!(!refused, "{name}\n{decision:#}\n{server}");
            *counts.entry("admitted").or_default() += usize::from(admitted);
        } else {
            assert!(!admitted, "{name}\n{decision:#}\n{server}");
            *counts.entry("refused").or_default() += usize::from(refused);
        }
    }
}

fn losses(suite: &Suite) {
    let mut policy = hardened();
    policy["spec"]["allowPrivilegeEscalation"] = json!(true);
    policy["spec"]["defaultAllowPrivilegeEscalation"] = json!(false);
    let file = suite.file("policies.json", &policy.to_string());
    let pods = suite.file(
        "pods.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api, namespace: pay}\n\
         spec: {template: {spec: {containers: [{name: c, image: i}]}}}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {name: node, namespace: pay}\n\
         spec: {hostPID: true, containers: [{name: c, image: i}]}\n",
    );
    let run = |words: &str| {
        suite
            .program(&suite.plugin("kubectl-psp_advise"))
            .line("migrate --to vap -f")
            .args([&file])
            .line(words)
            .run()
    };
    run("")
        .success()
        .says("defaultAllowPrivilegeEscalation is lost");
    run("--on-loss error").code(3);
    let report = run(&format!("-o json --pods {}", pods.display()));
    let report = report.code(3).json();
    let templates = &report["templates"];
    assert_eq!(templates[0]["object"], "deployment/api", "{templates}");
    let container = &templates[0]["patch"]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["securityContext"]["runAsNonRoot"], true,
        "{templates}"
    );
    assert_eq!(
        container["securityContext"]["capabilities"],
        json!({"drop": ["ALL"]})
    );
    assert_eq!(templates[1]["object"], "pod/node");
    assert_eq!(templates[1]["policy"], Value::Null, "no policy admits it");
}
