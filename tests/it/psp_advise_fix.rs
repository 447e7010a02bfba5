//! `kubectl psp-advise fix`: what it prints and what it patches passes on the real API server.

use std::collections::BTreeSet;

use harness::{Case, Need, Suite};
use serde_json::{Value, json};

use crate::psp_advise::corpus::{Dice, pod};
use crate::psp_advise::world::{apply, namespaces, template};

/// The corpus is the same in every run.
const SEED: u64 = 0x00C0_FFF0;

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "what_fix_prints_passes_on_the_server_and_needs_no_second_fix",
            cluster,
            fixed,
        ),
        Case::new(
            "nothing_is_patched_while_the_server_refuses_one_unless_told",
            cluster,
            refused,
        ),
        Case::new(
            "patches_in_every_format_lead_to_what_passes_on_the_server",
            cluster,
            formats,
        ),
        #[cfg(unix)]
        Case::new(
            "an_object_that_changed_before_the_answer_is_not_patched",
            cluster,
            conflict,
        ),
    ]
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

/// A deployment without replicas, so that no pod is made.
fn deployment(namespace: &str, name: &str, pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    spec["restartPolicy"] = Value::Null;
    let mut object = template("Deployment", namespace, name, &spec);
    object["spec"]["replicas"] = json!(0);
    object
}

fn plain() -> Value {
    json!({"spec": {"containers": [{"name": "c", "image": "i"}]}})
}

fn passes(suite: &Suite, namespace: &str) -> Vec<String> {
    let report = suite
        .admin("psp-advise -o json --level restricted --fail-on never")
        .args([namespace])
        .run();
    let report = report.success().json();
    let workloads = report["workloads"].as_array().cloned().unwrap_or_default();
    workloads
        .iter()
        .filter(|workload| workload["today"] == "restricted")
        .filter_map(|workload| workload["object"]["name"].as_str().map(str::to_owned))
        .collect()
}

fn refused(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let mut second = template("StatefulSet", &namespace, "db", &plain()["spec"]);
    second["spec"]["replicas"] = json!(0);
    apply(suite, &[deployment(&namespace, "api", &plain()), second]);
    // A user who may read everything and patch deployments only.
    let rule = |resources: &[&str], verbs: &[&str]| json!({"apiGroups": ["*"], "resources": resources, "verbs": verbs});
    let api = "rbac.authorization.k8s.io";
    apply(
        suite,
        &[
            json!({"apiVersion": format!("{api}/v1"), "kind": "Role",
                "metadata": {"name": "half", "namespace": namespace},
                "rules": [rule(&["*"], &["get", "list"]), rule(&["deployments"], &["patch"])]}),
            json!({"apiVersion": format!("{api}/v1"), "kind": "RoleBinding",
                "metadata": {"name": "half", "namespace": namespace},
                "roleRef": {"apiGroup": api, "kind": "Role", "name": "half"},
                "subjects": [{"apiGroup": api, "kind": "User", "name": "paula"}]}),
        ],
    );
    let run = |words: &str| {
        let line = format!("psp-advise fix --apply --as paula -n {namespace} {words}");
        suite.admin(&line).run()
    };
    run("--yes")
        .code(1)
        .answers("deployment.apps/api not tried")
        .answers("statefulset.apps/db refused: Error from server (Forbidden)")
        .says("nothing was changed");
    run("--yes --dry-run=server --keep-going")
        .code(1)
        .answers("deployment.apps/api patched (server dry run)");
    assert_eq!(passes(suite, &namespace), Vec::<String>::new());
    run("--yes --keep-going")
        .code(1)
        .answers("deployment.apps/api patched\n")
        .answers("statefulset.apps/db refused");
    assert_eq!(passes(suite, &namespace), ["api"]);
    run("--yes --keep-going")
        .code(1)
        .answers("deployment.apps/api unchanged");
}

fn formats(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let [one, other] = [0, 1].map(|_| namespaces(suite, "enforce", &none).remove(0));
    let mut dice = Dice::new(SEED + 1);
    // What the API refuses in a template is left out.
    let valid: Vec<Value> = (0..40)
        .map(|index| {
            let mut pod = pod(&mut dice, &format!("p{index}"));
            pod["spec"]["volumes"] = Value::Null;
            pod["spec"]["ephemeralContainers"] = Value::Null;
            pod
        })
        .filter(|pod| {
            let object = deployment(&one, "p", pod);
            let run = suite.admin("create --dry-run=server --validate=false -f -");
            run.stdin(&object.to_string()).run().code == Some(0)
        })
        .take(8)
        .collect();
    assert_eq!(valid.len(), 8, "most of the corpus is valid");
    for namespace in [&one, &other] {
        let objects: Vec<Value> = (0..)
            .zip(&valid)
            .map(|(index, pod)| deployment(namespace, &format!("d{index}"), pod))
            .collect();
        apply(suite, &objects);
    }
    let before = passes(suite, &one).len();
    assert!(before < valid.len(), "{before}");
    let patches = suite
        .admin("psp-advise fix --risk all --format json6902 -n")
        .args([&one])
        .run();
    for line in patches.success().stdout.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is a document");
        let name = line["target"]["name"].as_str().unwrap_or_default();
        patch(suite, &one, name, "json", &line["patch"].to_string());
    }
    let patches = suite
        .admin("psp-advise fix --risk all --format strategic -n")
        .args([&other])
        .run();
    let documents: Vec<&str> = patches.success().stdout.split("---\n").skip(1).collect();
    for (index, document) in documents.iter().enumerate() {
        let name = document
            .lines()
            .find_map(|line| line.strip_prefix("  name: "))
            .unwrap_or_else(|| panic!("patch {index} names its object: {document}"));
        patch(suite, &other, name, "strategic", document);
    }
    for namespace in [&one, &other] {
        assert_eq!(passes(suite, namespace).len(), valid.len(), "{namespace}");
    }
}

fn patch(suite: &Suite, namespace: &str, name: &str, kind: &str, text: &str) {
    suite
        .admin("patch deployment -n")
        .args([namespace, name, "--type", kind, "-p", text])
        .run()
        .success();
}

#[cfg(unix)]
fn conflict(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    apply(suite, &[deployment(&namespace, "api", &plain())]);
    let line = format!("psp-advise fix --apply -n {namespace}");
    let mut terminal = suite.admin(&line).on_terminal();
    terminal
        .exp_string("Patch 1 object?")
        .expect("the question comes");
    suite
        .admin(&format!(
            "annotate deployment api -n {namespace} by=another"
        ))
        .run()
        .success();
    terminal
        .send_line("y")
        .expect("the terminal takes an answer");
    let rest = terminal.exp_eof().expect("the run ends");
    assert!(rest.contains("deployment.apps/api refused"), "{rest}");
    assert!(rest.contains("changed since it was read"), "{rest}");
    let status = terminal.process().wait().expect("the run ends");
    assert!(format!("{status:?}").contains(", 5)"), "{status:?}");
    assert_eq!(passes(suite, &namespace), Vec::<String>::new());
}
