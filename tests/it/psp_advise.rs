//! `kubectl psp-advise` against the real API server: the same verdicts, in the same words.

pub(crate) mod corpus;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

use corpus::{Dice, controller, pod};

/// Pods per policy; with every policy of two levels that makes thousands.
const PODS: usize = 40;
/// The corpus is the same in every run.
const SEED: u64 = 0x00C0_FFEE;

pub(crate) fn cases() -> Vec<Case> {
    let cluster = &[Need::Plugins, Need::Cluster, Need::Controllers];
    vec![
        Case::new(
            "the_servers_refusals_are_met_byte_for_byte",
            cluster,
            refusals,
        ),
        Case::new(
            "the_servers_warnings_about_templates_are_met_byte_for_byte",
            cluster,
            warnings,
        ),
        Case::new(
            "what_fix_prints_passes_on_the_server_and_needs_no_second_fix",
            cluster,
            fixed,
        ),
        Case::new(
            "each_namespace_says_what_it_can_bear_and_who_stands_in_the_way",
            cluster,
            scan,
        ),
        Case::new(
            "an_ephemeral_container_counts_as_the_server_counts_it",
            cluster,
            ephemeral,
        ),
        Case::new(
            "a_custom_kind_and_a_static_pod_are_workloads_of_their_own",
            cluster,
            others,
        ),
        Case::new(
            "what_cannot_be_read_is_named_with_its_line_and_the_rest_is_evaluated",
            &[Need::Plugins],
            broken,
        ),
        Case::new(
            "labels_are_planned_set_once_and_can_be_put_back",
            cluster,
            labels,
        ),
        Case::new(
            "with_rights_in_one_namespace_the_rest_is_said_to_be_unseen",
            cluster,
            rights,
        ),
        Case::new(
            "every_upstream_fixture_is_decided_right_by_the_right_check",
            &[Need::Plugins, Need::PodSecurityFixtures],
            fixtures,
        ),
    ]
}

/// Every policy that a namespace of this server can ask for.
fn policies(server: u64) -> Vec<(&'static str, String)> {
    let versions = (0..=server)
        .map(|minor| format!("v1.{minor}"))
        .chain(["latest".to_owned(), "v1.99".to_owned()]);
    versions
        .flat_map(|version| ["baseline", "restricted"].map(|level| (level, version.clone())))
        .collect()
}

fn server_minor(suite: &Suite) -> u64 {
    let version = suite.admin("version -o json").run().success().json();
    let minor = version["serverVersion"]["minor"]
        .as_str()
        .unwrap_or_default();
    minor
        .trim_end_matches('+')
        .parse()
        .expect("a server has a minor version")
}

/// Makes the namespaces, one per policy, and waits until pods can be made there.
fn namespaces(suite: &Suite, mode: &str, policies: &[(&str, String)]) -> Vec<String> {
    let names: Vec<String> = policies.iter().map(|_| suite.name("psa")).collect();
    let items: Vec<Value> = names
        .iter()
        .zip(policies)
        .map(|(name, (level, version))| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {
                format!("pod-security.kubernetes.io/{mode}"): level,
                format!("pod-security.kubernetes.io/{mode}-version"): version,
            }}})
        })
        .collect();
    apply(suite, &items);
    eventually(
        "every namespace has its service account",
        Duration::from_secs(60),
        || {
            let list = suite.get("serviceaccounts -A --field-selector=metadata.name=default");
            let ready: BTreeSet<String> = list
                .and_then(|list| list["items"].as_array().cloned())
                .unwrap_or_default()
                .iter()
                .filter_map(|item| item["metadata"]["namespace"].as_str().map(str::to_owned))
                .collect();
            names.iter().all(|name| ready.contains(name))
        },
    );
    names
}

fn list(items: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn apply(suite: &Suite, items: &[Value]) {
    suite
        .admin("apply --validate=false -f -")
        .stdin(&list(items))
        .run()
        .success();
}

/// What the plugin decides, by name of the object; only what does not pass.
fn decided(suite: &Suite, items: &[Value], level: &str, version: &str) -> BTreeMap<String, String> {
    let output = suite
        .admin("psp-advise --server-version cluster -o jsonl --fail-on never --level")
        .args([level, "--version", version, "-f", "-"])
        .stdin(&list(items))
        .run();
    let lines = output.success().stdout.lines();
    let decisions: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("a line is a document"))
        .collect();
    assert_eq!(decisions.len(), items.len(), "every object is decided");
    decisions
        .iter()
        .filter(|decision| decision["allowed"] == false)
        .map(|decision| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&decision["object"]["name"]),
                text(&decision["message"]),
            )
        })
        .collect()
}

fn refusals(suite: &Suite) {
    let mut dice = Dice::new(SEED);
    let policies = policies(server_minor(suite));
    let names = namespaces(suite, "enforce", &policies);
    let (mut valid, mut refused) = (0, 0);
    for (namespace, (level, version)) in names.iter().zip(&policies) {
        let pods: Vec<Value> = (0..PODS)
            .map(|index| pod(&mut dice, &format!("p{index}")))
            .collect();
        let server = suite
            .admin("create --dry-run=server --validate=false -f - -o name -n")
            .args([namespace])
            .stdin(&list(&pods))
            .run();
        let mut invalid = BTreeSet::new();
        let mut messages = BTreeMap::new();
        for line in server.stderr.lines() {
            if let Some((_, rest)) = line.split_once("pods \"")
                && let Some((name, message)) = rest.split_once("\" is forbidden: ")
            {
                messages.insert(name.to_owned(), message.to_owned());
            } else if let Some((_, rest)) = line.split_once("Pod \"")
                && let Some((name, _)) = rest.split_once("\" is invalid")
            {
                invalid.insert(name.to_owned());
            }
        }
        let mut expected = decided(suite, &pods, level, version);
        expected.retain(|name, _| !invalid.contains(name));
        valid += pods.len() - invalid.len();
        refused += messages.len();
        assert_eq!(expected, messages, "{level}:{version}\n{server}");
        let passed = server.stdout.lines().count();
        assert_eq!(
            passed,
            pods.len() - invalid.len() - messages.len(),
            "{server}"
        );
    }
    assert!(valid > 2000, "most of the corpus is valid: {valid}");
    assert!(refused > 1000 && refused < valid, "{refused} of {valid}");
}

fn warnings(suite: &Suite) {
    let mut dice = Dice::new(SEED + 1);
    let policies = policies(server_minor(suite));
    let names = namespaces(suite, "warn", &policies);
    let mut seen = 0;
    for (namespace, (level, version)) in names.iter().zip(&policies) {
        let objects: Vec<Value> = (0..PODS)
            .map(|index| {
                let pod = pod(&mut dice, &format!("p{index}"));
                if index % 4 == 0 {
                    pod
                } else {
                    controller(&mut dice, &pod)
                }
            })
            .collect();
        let server = suite
            .admin("create --dry-run=server --validate=false -f - -o name -n")
            .args([namespace])
            .stdin(&list(&objects))
            .run();
        let passed: BTreeSet<&str> = server
            .stdout
            .lines()
            .filter_map(|line| line.split_once('/').map(|(_, name)| name))
            .collect();
        let warned: BTreeSet<String> = server
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("Warning: "))
            .filter(|text| text.starts_with("would violate PodSecurity"))
            .map(str::to_owned)
            .collect();
        let expected: BTreeSet<String> = decided(suite, &objects, level, version)
            .into_iter()
            .filter(|(name, _)| passed.contains(name.as_str()))
            .map(|(_, message)| message.replacen("violates", "would violate", 1))
            .collect();
        seen += warned.len();
        assert_eq!(expected, warned, "{level}:{version}\n{server}");
    }
    assert!(seen > 1000, "{seen} warnings");
}

fn fixtures(suite: &Suite) {
    let root = harness::pod_security_fixtures().expect("the case needs them");
    let mut count = 0;
    for level in ["baseline", "restricted"] {
        for version in sorted(&root.join(level)) {
            for verdict in ["pass", "fail"] {
                count += fixture_folder(suite, &version, level, verdict);
            }
        }
    }
    assert_eq!(count, 4241, "every fixture of the pinned version");
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the fixtures can be read");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn fixture_folder(suite: &Suite, version: &Path, level: &str, verdict: &str) -> usize {
    let name = version
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let output = suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("-o jsonl --fail-on never --server-version v1.36 --level")
        .args([level, "--version", &name, "-f"])
        .args([version.join(verdict)])
        .run();
    let lines: Vec<&str> = output.success().stdout.lines().collect();
    for line in &lines {
        let decision: Value = serde_json::from_str(line).expect("a line is a document");
        let file = Path::new(decision["file"].as_str().unwrap_or_default());
        assert_eq!(decision["allowed"], verdict == "pass", "{}", file.display());
        if verdict == "fail" {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let wanted = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            let checks = decision["checks"].as_array().cloned().unwrap_or_default();
            let ids: Vec<String> = checks
                .iter()
                .map(|check| check["id"].as_str().unwrap_or_default().to_lowercase())
                .collect();
            // Within restricted some checks replace their baseline ones.
            let replaced = match wanted {
                "hostpathvolumes" => "restrictedvolumes".to_owned(),
                "procmount" => "procmount_restricted".to_owned(),
                _ => wanted.replace("_baseline", "_restricted"),
            };
            assert!(
                ids.iter().any(|id| *id == wanted || *id == replaced),
                "{wanted}: {line}"
            );
        }
    }
    lines.len()
}

fn documents(items: &[Value]) -> String {
    items
        .iter()
        .map(|item| format!("---\n{item:#}\n"))
        .collect()
}

fn fixed(suite: &Suite) {
    let policy = [("restricted", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &policy).remove(0);
    let free = namespaces(suite, "enforce", &[("privileged", "latest".to_owned())]).remove(0);
    let mut dice = Dice::new(SEED + 2);
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

/// A template without replicas, so that no pod is made.
fn template(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec}}})
}

fn scan(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let payments = namespaces(suite, "enforce", &none).remove(0);
    let legacy = namespaces(suite, "enforce", &[("baseline", "v1.30".to_owned())]).remove(0);
    let container = json!({"name": "c", "image": "i"});
    let mut api = template(
        "Deployment",
        &payments,
        "api",
        &json!({
        "securityContext": {"runAsUser": 1000}, "containers": [container]}),
    );
    api["spec"]["replicas"] = json!(0);
    let report = json!({"apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "report", "namespace": payments},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": {"spec": {
            "restartPolicy": "Never", "securityContext": {"runAsUser": 1000},
            "containers": [container]}}}}}});
    let agent = template(
        "DaemonSet",
        &legacy,
        "agent",
        &json!({
        "hostNetwork": true, "nodeSelector": {"no": "where"}, "containers": [container],
        "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
    );
    apply(suite, &[api, report, agent]);

    let output = suite.admin("psp-advise").args([&payments, &legacy]).run();
    let squeezed: Vec<String> = output
        .success()
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let mut rows = [
        format!("{payments} privileged baseline restricted cronjob/report, deployment/api"),
        format!(
            "{legacy} baseline:v1.30 privileged privileged daemonset/agent \
             (hostNamespaces, hostPathVolumes: changes behaviour)"
        ),
    ];
    rows.sort();
    assert_eq!(squeezed[1..], rows, "{output}");

    suite
        .admin("psp-advise --level baseline")
        .args([&legacy])
        .run()
        .code(3)
        .answers("daemonset/agent");
    suite
        .admin("psp-advise no-such-namespace")
        .run()
        .code(1)
        .no_answer()
        .says("Error from server (NotFound)");
}

fn rights(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let own = namespaces(suite, "enforce", &none).remove(0);
    apply(
        suite,
        &[
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "pods", "namespace": own},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}),
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "pods", "namespace": own},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pods"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User",
                "name": "paula"}]}),
        ],
    );
    let output = suite.admin("psp-advise --as paula -n").args([&own]).run();
    output
        .code(4)
        .answers(&own)
        .says("not evaluated: deployments.apps: ")
        .says(&format!("not evaluated: labels of namespace/{own}"));
    assert!(
        output.stdout.contains('?') && !output.stdout.contains("restricted"),
        "{output}"
    );
    suite
        .admin("psp-advise --as paula")
        .run()
        .code(1)
        .no_answer()
        .says("kubectl psp-advise -n NAME");
}

fn labels(suite: &Suite) {
    let namespace = suite.name("label");
    suite
        .admin(&format!("create namespace {namespace}"))
        .run()
        .success();
    let mut api = template(
        "Deployment",
        &namespace,
        "api",
        &json!({
        "containers": [{"name": "c", "image": "i"}]}),
    );
    api["spec"]["replicas"] = json!(0);
    apply(suite, &[api]);
    let of = || -> BTreeMap<String, String> {
        let object = suite
            .get(&format!("namespace {namespace}"))
            .expect("it is there");
        let labels = object["metadata"]["labels"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        labels
            .into_iter()
            .filter_map(|(key, value)| {
                let key = key.strip_prefix("pod-security.kubernetes.io/")?.to_owned();
                Some((key, value.as_str().unwrap_or_default().to_owned()))
            })
            .collect()
    };
    let run = |words: &str| {
        suite
            .admin(&format!("psp-advise label {namespace} {words}"))
            .run()
    };
    run("--strategy enforce")
        .success()
        .answers("kubectl label namespace");
    assert!(of().is_empty(), "a plan writes nothing");
    run("--strategy enforce --apply --yes --dry-run=server").success();
    assert!(of().is_empty(), "a dry run writes nothing");
    run("--strategy enforce --apply").code(2).says("--yes");

    let undo = suite.path("undo.sh");
    let undo = undo.display();
    run(&format!(
        "--strategy enforce --apply --yes --rollback-file {undo}"
    ))
    .success()
    .says("labelled");
    let set = of();
    assert_eq!(
        (set["enforce"].as_str(), set["warn"].as_str()),
        ("baseline", "restricted")
    );
    assert!(set["enforce-version"].starts_with("v1."), "{set:?}");
    let again = run("--strategy enforce --apply -o json").success().json();
    assert_eq!(
        again["namespaces"][0]["labels"],
        json!({}),
        "a second run changes nothing"
    );

    let script = std::fs::read_to_string(suite.path("undo.sh")).expect("it was written");
    let line = script
        .lines()
        .find(|line| line.starts_with("kubectl label"))
        .expect("a command");
    suite
        .admin(line.strip_prefix("kubectl ").unwrap_or_default())
        .run()
        .success();
    assert!(of().is_empty(), "the labels are as before");
}

fn ephemeral(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let hardened = json!({"runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}});
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "p", "namespace": namespace},
        "spec": {"containers": [{"name": "c", "image": "i", "securityContext": hardened}]}});
    apply(suite, &[pod]);
    suite
        .admin(&format!(
            "label namespace {namespace} --overwrite pod-security.kubernetes.io/enforce=restricted"
        ))
        .run()
        .success();
    let mut live = suite
        .get(&format!("pod p -n {namespace}"))
        .expect("it is there");
    live["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "i",
        "targetContainerName": "c", "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}]);
    let path = format!("/api/v1/namespaces/{namespace}/pods/p/ephemeralcontainers?dryRun=All");
    let refused = suite
        .admin("replace -f - --raw")
        .args([&path])
        .stdin(&live.to_string())
        .run();
    let ours = decided(suite, &[live], "restricted", "latest");
    let message = &ours["p"];
    assert!(message.contains("SYS_PTRACE"), "{message}");
    refused.code(1).says(message);
}

fn others(suite: &Suite) {
    let none = [("privileged", "latest".to_owned())];
    let namespace = namespaces(suite, "enforce", &none).remove(0);
    let group = format!("{namespace}.example.com");
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition", "metadata": {"name": format!("rollouts.{group}")},
        "spec": {"group": group, "scope": "Namespaced",
            "names": {"plural": "rollouts", "kind": "Rollout"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {
                "openAPIV3Schema": {"type": "object",
                    "x-kubernetes-preserve-unknown-fields": true}}}]}});
    apply(suite, &[definition]);
    let rollout = json!({"apiVersion": format!("{group}/v1"), "kind": "Rollout",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"template": {"spec": {"hostPID": true, "containers": []}}}});
    eventually("the custom kind is served", Duration::from_secs(30), || {
        let run = suite
            .admin("apply --validate=false -f -")
            .stdin(&list(std::slice::from_ref(&rollout)));
        run.run().code == Some(0)
    });
    // What a kubelet mirrors is owned by its node.
    let node = suite.get("nodes").expect("there are nodes")["items"][0].clone();
    let mirror = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "static", "namespace": namespace, "ownerReferences": [{
            "apiVersion": "v1", "kind": "Node", "controller": true,
            "name": node["metadata"]["name"], "uid": node["metadata"]["uid"]}]},
        "spec": {"nodeName": node["metadata"]["name"], "hostNetwork": true,
            "containers": [{"name": "c", "image": "i"}]}});
    apply(suite, &[mirror]);
    let path = format!("--pod-template-path=rollouts.{group}=.spec.template");
    let output = suite
        .admin("psp-advise -o json")
        .args([&namespace, &path])
        .run();
    suite
        .admin(&format!(
            "delete customresourcedefinition rollouts.{group} --wait=false"
        ))
        .run()
        .success();
    let report = output.success().json();
    let names: Vec<String> = report["workloads"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|owner| {
            let text = |field: &str| owner["object"][field].as_str().unwrap_or_default();
            format!("{}/{}", text("kind"), text("name"))
        })
        .collect();
    assert_eq!(names, ["Pod/static", "Rollout/web"], "{output}");
    assert_eq!(report["namespaces"][0]["today"], "privileged");
}

fn broken(suite: &Suite) {
    let folder = suite.path("manifests");
    std::fs::create_dir(&folder).expect("the case's directory can be written");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).expect("the case's directory can be written");
    };
    let good = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {containers: []}\n";
    write("a.yaml", format!("{good}---\na: [\n---\n{good}").as_bytes());
    write("b.yaml", format!("{good}kind: Pod\n").as_bytes());
    write("c.yaml", b"\x7fELF\x00\x01");
    write(
        "d.yaml",
        b"apiVersion: v1\nkind: {{ .Values.kind }}\n{{- end }}\n",
    );
    write(
        "e.yaml",
        good.replace("[]", "[{securityContext: {runAsUser: root}}]")
            .as_bytes(),
    );
    write(
        "f.yaml",
        format!("\u{feff}{}", good.replace('\n', "\r\n")).as_bytes(),
    );
    write("g.txt", b"not a manifest");
    write(
        "h.json",
        br#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"hostIPC":true}}"#,
    );
    let output = suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("-o jsonl --level baseline -f")
        .args([&folder])
        .run();
    output
        .code(4)
        .says("a.yaml:6: not YAML")
        .says("b.yaml:5: \"kind\" stands here again, first on line 2")
        .says("c.yaml: not text")
        .says("render it first")
        .says("e.yaml:4: pod/good: ");
    assert_eq!(output.stdout.lines().count(), 4, "{output}");
    assert_eq!(
        output.stdout.matches("\"allowed\":true").count(),
        3,
        "{output}"
    );
    suite
        .program(&suite.plugin("kubectl-psp_advise"))
        .line("-f /does/not/exist")
        .run()
        .code(2)
        .no_answer()
        .says("cannot read /does/not/exist");
}
