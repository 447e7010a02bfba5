//! `kubectl onboard apply -f`: many people in one file.

use std::fmt::Write as _;

use harness::{Case, Need, Suite, eventually};
use serde_json::json;

/// What the proxy lets through for one person at most, who is new.
const REQUESTS: usize = 20;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Signer, Need::Controllers];
    let proxy = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new("a_hundred_people_and_again_without_a_write", proxy, hundred),
        Case::new("who_left_the_file_is_offboarded_when_asked", needs, prunes),
        Case::new(
            "a_server_dry_run_finds_what_a_policy_refuses",
            &[
                Need::Plugins,
                Need::Signer,
                Need::Controllers,
                Need::AdmissionPolicy,
            ],
            policy,
        ),
        Case::new("a_file_that_is_none_is_refused_whole", needs, garbage),
    ]
}

fn team(name: &str, people: &[String], more: &str) -> String {
    let mut text = format!(
        "apiVersion: groundcrew.dev/v1alpha1\nkind: Onboarding\nmetadata:\n  name: {name}\n\
         defaults:\n  team: payments\npeople:\n"
    );
    for user in people {
        let _ = writeln!(text, "- user: {user}");
    }
    text + more
}

fn hundred(suite: &Suite) {
    let through = suite.proxied();
    let people: Vec<String> = (0..100).map(|_| suite.name("crew")).collect();
    let text = team("hundred", &people, "- user: last\n  rule: edit\n");
    let bad = text.lines().count() - 1;
    let path = suite.file("team.yaml", &text);
    let out = suite.path("files");
    std::fs::create_dir(&out).expect("a directory");
    let run = || {
        suite
            .admin("onboard apply -o json --filename")
            .args([&path])
            .args(["--out-dir"])
            .args([&out])
            .kubeconfig(&through.kubeconfig)
            .run()
    };
    let first = run();
    let document = first.code(1).json();
    first.says(&format!("team.yaml:{bad}: last: ")).says("rule");
    let all = document["people"].as_array().expect("people");
    let onboarded = all.iter().filter(|one| one["result"] == "onboarded");
    assert_eq!(onboarded.count(), 100, "{first}");
    let count = through.proxy.count();
    assert!(count <= 100 * REQUESTS, "{count} requests");
    for user in [&people[0], &people[99]] {
        let file = out.join(format!("{user}.kubeconfig"));
        let kubectl = suite.program(&suite.cluster().kubectl()).kubeconfig(&file);
        kubectl
            .line("create configmap proof --dry-run=server")
            .run()
            .success();
    }
    through.proxy.forget();
    let second = run();
    let document = second.code(1).json();
    let all = document["people"].as_array().expect("people");
    let unchanged = all.iter().filter(|one| one["result"] == "unchanged");
    assert_eq!(unchanged.count(), 100, "{second}");
    let log = through.proxy.log();
    let writes: Vec<_> = log
        .iter()
        .filter(|sent| sent.method != "GET" && !sent.path.contains("review"))
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

fn prunes(suite: &Suite) {
    let people: Vec<String> = (0..3).map(|_| suite.name("pruned")).collect();
    let other = suite.name("other");
    suite.onboard(&other).run().success();
    let name = suite.name("team");
    let apply = |people: &[String], flags: &str| {
        let path = suite.file("team.yaml", &team(&name, people, ""));
        suite
            .admin(&format!("onboard apply {flags} --filename"))
            .args([&path])
            .args(["--out-dir"])
            .args([suite.path("")])
            .run()
    };
    apply(&people, "--dry-run=client")
        .success()
        .answers("namespace, limits, rights, credential");
    assert_eq!(suite.get(&format!("namespace {}", people[0])), None);
    apply(&people, "").success();
    apply(&people[1..], "").success();
    suite.as_user(&people[0], "get pods").success();
    apply(&people[1..], "--prune").code(2).says("pass --yes");
    suite.as_user(&people[0], "get pods").success();
    let pruned = apply(&people[1..], "--prune --yes");
    pruned.success().answers("offboarded");
    suite.as_user(&people[0], "get pods").code(1);
    for user in [&people[1], &other] {
        suite.as_user(user, "get pods").success();
    }
}

fn garbage(suite: &Suite) {
    for (text, what) in [
        ("people: [", "team.yaml"),
        (
            "kind: Pod\napiVersion: v1\nmetadata: {name: x}\npeople: []\n",
            "team.yaml",
        ),
        (
            "apiVersion: groundcrew.dev/v1alpha1\nkind: Onboarding\nmetadata: {name: x}\npeople: {}\n",
            "line 4",
        ),
    ] {
        let path = suite.file("team.yaml", text);
        let run = suite.admin("onboard apply --filename").args([&path]);
        run.run().code(2).no_answer().says(what);
    }
    let run = suite.admin("onboard apply -f does-not-exist.yaml").run();
    run.code(2).says("does-not-exist.yaml");
}

fn policy(suite: &Suite) {
    let people: Vec<String> = (0..2).map(|_| suite.name("crew")).collect();
    let refused = &people[1];
    let name = format!("refuse-{refused}");
    let api = "admissionregistration.k8s.io/v1";
    let policy = json!([
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["namespaces"]}]},
            "validations": [{"expression": format!("object.metadata.name != '{refused}'"),
                "message": "this name is taken by the platform"}]}},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]}},
    ]);
    for object in policy.as_array().expect("two") {
        let create = suite.admin("create -f -").stdin(&object.to_string()).run();
        create.success();
    }
    eventually("the policy works", || {
        let line = format!("create namespace {refused} --dry-run=server");
        suite
            .admin(&line)
            .run()
            .stderr
            .contains("taken by the platform")
    });
    let path = suite.file("team.yaml", &team("policy", &people, ""));
    let apply = |mode: &str| {
        suite
            .admin(&format!(
                "onboard apply --dry-run={mode} -o json --filename"
            ))
            .args([&path])
            .run()
    };
    let asked = apply("server");
    let document = asked.code(1).json();
    let errors = document["people"].as_array().expect("people").iter();
    let errors: Vec<String> = errors.map(|one| one["error"].to_string()).collect();
    assert!(
        errors[0] == "null" && errors[1].contains("taken by the platform"),
        "{asked}"
    );
    apply("client").success();
    for user in &people {
        assert_eq!(suite.get(&format!("namespace {user}")), None);
    }
    for kind in [
        "validatingadmissionpolicybinding",
        "validatingadmissionpolicy",
    ] {
        suite
            .admin(&format!("delete {kind} {name}"))
            .run()
            .success();
    }
}
