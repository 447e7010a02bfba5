//! `kubectl can-i-audit`: expectations, snapshots, risks and differences on a real cluster.

use std::fmt::Write as _;
use std::path::PathBuf;

use harness::{Case, Need, Output, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster];
    vec![
        Case::new("a_failed_expectation_ends_with_3", needs, expectations),
        Case::new("a_snapshot_answers_as_the_cluster_does", needs, snapshot),
        Case::new("two_runs_are_byte_identical", needs, deterministic),
        Case::new(
            "kubernetes_own_policy_is_no_finding_and_one_more_right_is",
            needs,
            own_policy,
        ),
        Case::new("a_changed_cluster_differs_in_what_changed", needs, differs),
        Case::new(
            "large_input_is_read_and_a_fault_at_its_end_is_named_with_its_line",
            &[Need::Plugins],
            large_input,
        ),
    ]
}

pub(crate) fn apply(suite: &Suite, text: &str) {
    let run = suite.admin("apply -f -").stdin(text);
    run.run().success();
}

pub(crate) fn object(scope: Option<&String>, kind: &str, name: &str, body: &Value) -> Value {
    let kind = match scope {
        Some(_) => kind.to_owned(),
        None => format!("Cluster{kind}"),
    };
    let mut object = body.clone();
    object["apiVersion"] = json!("rbac.authorization.k8s.io/v1");
    object["kind"] = json!(kind);
    object["metadata"] = json!({"name": name});
    if let Some(namespace) = scope {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}

pub(crate) const EXPECTATIONS: &str = "
apiVersion: groundcrew.dev/v1alpha1
kind: AccessAssertions
assertions:
- {subject: 'group:system:masters', verb: delete, resource: nodes, expect: allow}
- {subject: 'user:nobody-at-all', verb: get, resource: secrets, namespace: default, expect: deny}
- {subject: anonymous, verb: get, path: /healthz, expect: allow}
- {subject: me, verb: get, resource: pods, namespace: default}
- {subject: 'user:nobody-at-all', verb: get, resource: secrets, expect: allow}
";

fn expectations(suite: &Suite) {
    let file = suite.file("a.yaml", EXPECTATIONS);
    let check = |format: &str| {
        suite
            .admin("can-i-audit check -o")
            .args([format])
            .args(["-f"])
            .args([&file])
            .run()
    };
    let report = check("json");
    let report = report.code(3).json();
    assert_eq!(report["kind"], "AssertionReport");
    assert_eq!(report["complete"], true);
    let allowed: Vec<&Value> = report["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| &result["allowed"])
        .collect();
    assert_eq!(
        allowed,
        [true, false, true, true, false]
            .map(Value::Bool)
            .iter()
            .collect::<Vec<_>>()
    );
    let grant = &report["results"][2]["grants"][0];
    assert_eq!(grant["binding"]["kind"], "ClusterRoleBinding");
    assert_eq!(grant["role"]["name"], "system:public-info-viewer");
    assert_eq!(grant["rule"], 0);
    check("junit")
        .code(3)
        .answers("failures=\"1\"")
        .answers("<failure");
    check("table").code(3).answers("FAILED");
}

/// Keeps the cluster as it is now; others go on changing it.
fn kept(suite: &Suite) -> PathBuf {
    let file = suite.path("snap.json");
    let run = suite.admin("can-i-audit snapshot -o").args([&file]);
    run.run().success();
    file
}

fn snapshot(suite: &Suite) {
    let name = suite.name("snap");
    let make = |words: &str| {
        suite.admin(&format!("create {words}")).run().success();
    };
    make(&format!("namespace {name}"));
    make(&format!(
        "rolebinding {name} --clusterrole=edit --user={name} -n {name}"
    ));
    let file = kept(suite);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file)
            .expect("the snapshot")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let question = format!("can-i-audit what user:{name} -n {name} -o json");
    let live = suite.admin(&question).run();
    let kept = suite.admin(&question).args(["--from"]).args([&file]).run();
    assert_eq!(live.success().stdout, kept.success().stdout);
    live.answers("edit");
}

fn deterministic(suite: &Suite) {
    // Something to find, whatever else is in the cluster.
    let name = suite.name("risk");
    let bind =
        format!("create clusterrolebinding {name} --clusterrole=cluster-admin --user={name}");
    suite.admin(&bind).run().success();
    let file = kept(suite);
    suite
        .admin(&format!("delete clusterrolebinding {name}"))
        .run()
        .success();
    for words in [
        "who get secrets --any-namespace -o json",
        "what group:system:masters -A",
        "-o json",
        "risks --fail-on critical",
        "matrix -o csv",
    ] {
        let run = || {
            let run = suite.admin(&format!("can-i-audit {words} --from"));
            run.args([&file]).run()
        };
        let (one, two) = (run(), run());
        assert!(matches!(one.code, Some(0 | 3)), "{one}");
        assert!(!one.stdout.is_empty(), "{one}");
        assert_eq!(one.stdout, two.stdout);
    }
}

fn own_policy(suite: &Suite) {
    let name = suite.name("risk");
    let about = |output: &Output| -> Vec<String> {
        let document = output.json();
        let findings = document["findings"].as_array().expect("findings").clone();
        // Other cases' objects are in the cluster too.
        let ours = |finding: &&Value| {
            let object = finding["object"].as_str().unwrap_or_default();
            let grants = finding["grants"].as_array().expect("grants");
            let mut bindings = grants.iter().map(|grant| grant["binding"]["name"].as_str());
            object.contains(&name)
                || object.contains("/system:")
                || bindings.any(|binding| {
                    binding.is_some_and(|own| own.starts_with("system:") || own == name)
                })
        };
        let own = findings.iter().filter(ours);
        own.map(|finding| finding["rule"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let risks = || {
        let words = "can-i-audit risks --min-severity medium --fail-on critical -o json";
        suite.admin(words).run()
    };
    let before = risks();
    assert_eq!(about(&before), [] as [String; 0], "{before}");
    let role = format!("create clusterrole {name} --verb=get --resource=secrets");
    suite.admin(&role).run().success();
    let bind = format!("create clusterrolebinding {name} --clusterrole={name} --user={name}");
    suite.admin(&bind).run().success();
    let after = risks();
    assert_eq!(about(after.code(3)), ["CIA-012"], "{after}");
    let sarif = suite.admin("can-i-audit risks -o sarif").run();
    let sarif = sarif.code(3).json();
    assert_eq!(sarif["version"], "2.1.0");
    let delete = format!("delete clusterrole,clusterrolebinding {name}");
    suite.admin(&delete).run().success();
}

fn differs(suite: &Suite) {
    let name = suite.name("diff");
    suite
        .admin(&format!("create namespace {name}"))
        .run()
        .success();
    let make = format!("create rolebinding {name} --clusterrole=view --user={name} -n {name}");
    let snap = |file: &str| {
        let path = suite.path(file);
        suite
            .admin("can-i-audit snapshot -o")
            .args([&path])
            .run()
            .success();
        path
    };
    let before = snap("before.json");
    suite.admin(&make).run().success();
    let after = snap("after.json");
    let diff = |one, other| {
        let run = suite.admin("can-i-audit diff -o json").args([one, other]);
        run.run()
    };
    let output = diff(&before, &after);
    let found = output.code(3).json();
    let of_user = |rows: &Value| -> usize {
        let rows = rows.as_array().expect("rows");
        rows.iter()
            .filter(|row| row["subject"] == format!("user:{name}"))
            .count()
    };
    assert_eq!(
        (of_user(&found["gained"]), of_user(&found["lost"])),
        (1, 0),
        "{output}"
    );
    let run = suite
        .admin("can-i-audit diff -o name")
        .args([&before, &after]);
    run.run().code(3).answers(&format!("user:{name}\n"));
    let same = diff(&after, &after);
    let same = same.success().json();
    assert_eq!(
        (same["gained"].clone(), same["lost"].clone()),
        (json!([]), json!([]))
    );
}

/// Manifests of 50 MB, as JSON and as YAML, and the same with a fault at the end.
fn large_input(suite: &Suite) {
    const BINDINGS: usize = 100_000;
    let program = suite.plugin("kubectl-can_i_audit");
    let who = |file: &std::path::Path| {
        let run = suite.program(&program).args(["who", "get", "pods"]);
        run.args(["-n", "default", "-o", "name", "--from"])
            .args([file])
            .run()
    };
    let mut text = String::from("{\"kind\": \"List\", \"items\": [\n");
    let padding = "x".repeat(200);
    for number in 0..BINDINGS {
        let comma = if number == 0 { "" } else { ",\n" };
        let _ = write!(
            text,
            "{comma}{{\"apiVersion\": \"rbac.authorization.k8s.io/v1\", \"kind\": \"RoleBinding\", \
             \"metadata\": {{\"name\": \"b{number}\", \"namespace\": \"default\", \
             \"annotations\": {{\"note\": \"{padding}\"}}}}, \
             \"roleRef\": {{\"kind\": \"ClusterRole\", \"name\": \"view\"}}, \
             \"subjects\": [{{\"kind\": \"User\", \"name\": \"u{number}\"}}]}}"
        );
    }
    let broken = format!("{text},\n{{\"kind\": 7}}\n]}}\n");
    text.push_str("\n]}\n");
    assert!(text.len() > 45_000_000, "{}", text.len());
    let file = suite.file("large.json", &text);
    let output = who(&file);
    assert_eq!(output.success().stdout.lines().count(), BINDINGS + 1);
    let file = suite.file("broken.json", &broken);
    let place = format!("broken.json:{}:", BINDINGS + 2);
    let output = who(&file);
    let lines = output.code(4).says(&place).stdout.lines().count();
    assert_eq!(lines, BINDINGS + 1, "everything else is read");
    // One document of YAML with as many lines, the fault in the last.
    let mut yaml = String::from("kind: List\nitems:\n");
    for number in 0..20_000 {
        let _ = write!(
            yaml,
            "- kind: RoleBinding\n  metadata: {{name: b{number}, namespace: default}}\n  \
             roleRef: {{kind: ClusterRole, name: view}}\n"
        );
    }
    yaml.push_str("- kind: Role\n  metadata: {name: {{ .Values.name }}}\n");
    let file = suite.file("broken.yaml", &yaml);
    let output = who(&file);
    output
        .code(4)
        .says("broken.yaml:60004")
        .says("helm template");
}
