//! `kubectl can-i-audit` against the server's own opinion: reviews, and real requests.

use std::fmt::Write as _;

use harness::{Case, Need, Suite};
use serde_json::{Value, json};

use crate::can_i_audit::{apply, object};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster];
    vec![
        Case::new(
            "the_server_agrees_in_twenty_thousand_questions",
            &[Need::Plugins, Need::Apart],
            the_server_agrees,
        ),
        Case::new(
            "quirks_are_answered_as_the_server_answers_them",
            needs,
            quirks,
        ),
    ]
}

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }

    fn some(&mut self, words: &[&str]) -> Vec<String> {
        (0..=self.below(2))
            .map(|_| words[self.below(words.len())].to_owned())
            .collect()
    }
}

const VERBS: [&str; 8] = [
    "get", "list", "create", "*", "delete", "GET", "escalate", "use",
];
const GROUPS: [&str; 5] = ["", "apps", "*", "rbac.authorization.k8s.io", "example.com"];
const RESOURCES: [&str; 11] = [
    "pods",
    "pods/log",
    "pods/*",
    "*/log",
    "*/*",
    "*",
    "secrets",
    "*/scale",
    "deployments",
    "namespaces",
    "userextras/example.com/scopes",
];
const NAMES: [&str; 4] = ["", "a", "*", "a*"];
const URLS: [&str; 6] = ["/metrics", "/metrics*", "/logs/**", "/*", "*", "/healthz/*"];
const TEAMS: [&str; 4] = [
    "system:authenticated",
    "dev",
    "system:serviceaccounts",
    "ops",
];

/// A world of quirks in namespaces that no other case uses; returns its manifest.
fn world(seed: u64, stem: &str, namespaces: &[String]) -> String {
    let mut random = Random(seed);
    let mut items = Vec::new();
    for name in namespaces {
        items.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}));
    }
    let mut scopes: Vec<Option<&String>> = vec![None];
    scopes.extend(namespaces.iter().map(Some));
    for scope in scopes {
        for number in 0..40 {
            let rules: Vec<Value> = (0..=random.below(3))
                .map(|_| rule(&mut random, scope.is_none()))
                .collect();
            let name = format!("{stem}-{number}");
            items.push(object(scope, "Role", &name, &json!({"rules": rules})));
        }
        for number in 0..40 {
            let subjects: Vec<Value> = (0..=random.below(3))
                .map(|_| subject(&mut random, stem, scope, namespaces))
                .collect();
            let kind = if scope.is_some() && random.below(2) == 0 {
                "Role"
            } else {
                "ClusterRole"
            };
            // Some references lead nowhere.
            let role = format!("{stem}-{}", random.below(43));
            let api = "rbac.authorization.k8s.io";
            let body = json!({
                "subjects": subjects,
                "roleRef": {"apiGroup": api, "kind": kind, "name": role},
            });
            items.push(object(
                scope,
                "RoleBinding",
                &format!("{stem}-{number}"),
                &body,
            ));
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn rule(random: &mut Random, cluster: bool) -> Value {
    let verbs = random.some(&VERBS);
    if cluster && random.below(5) == 0 {
        return json!({"verbs": verbs, "nonResourceURLs": random.some(&URLS)});
    }
    let mut rule = json!({
        "verbs": verbs,
        "apiGroups": random.some(&GROUPS),
        "resources": random.some(&RESOURCES),
    });
    if random.below(3) == 0 {
        rule["resourceNames"] = json!(random.some(&NAMES));
    }
    rule
}

fn subject(random: &mut Random, stem: &str, scope: Option<&String>, spaces: &[String]) -> Value {
    let space = &spaces[random.below(spaces.len())];
    let api = "rbac.authorization.k8s.io";
    match random.below(6) {
        0 | 1 => json!({"kind": "User", "apiGroup": api, "name": format!("{stem}-user")}),
        2 => json!({
            "kind": "User",
            "apiGroup": api,
            "name": format!("system:serviceaccount:{space}:app"),
        }),
        3 => json!({"kind": "Group", "apiGroup": api, "name": TEAMS[random.below(TEAMS.len())]}),
        4 if scope.is_some() => json!({"kind": "ServiceAccount", "name": "app"}),
        _ => json!({"kind": "ServiceAccount", "namespace": space, "name": "app"}),
    }
}

/// Takes the world's cluster-wide objects away again; namespaces go with the suite.
fn forget(suite: &Suite, stem: &str) {
    let mut names = String::new();
    for number in 0..40 {
        let _ = write!(names, " {stem}-{number}");
    }
    for kind in ["clusterrolebinding", "clusterrole"] {
        let line = format!("delete {kind} --ignore-not-found --wait=false{names}");
        suite.admin(&line).run().success();
    }
}

fn the_server_agrees(suite: &Suite) {
    let stem = suite.name("quirk");
    let namespaces: Vec<String> = (0..4).map(|_| suite.name("audit")).collect();
    let file = suite.file("world.json", &world(7, &stem, &namespaces));
    suite.admin("create -f").args([&file]).run().success();
    for seed in ["3", "4", "5", "6"] {
        let output = suite
            .admin("can-i-audit verify --samples 5000 -o json --seed")
            .args([seed])
            .run();
        let answer = output.success().json();
        assert_eq!(answer["disagreements"], json!([]), "{output}");
        assert_eq!(answer["complete"], json!(true));
        let allowed = answer["allowed"].as_u64().expect("a number");
        let named = answer["namedBindings"].as_u64().expect("a number");
        assert!(allowed > 1_000 && allowed < 4_500, "{output}");
        // Superusers are allowed without a binding.
        assert!(named > allowed * 9 / 10, "{output}");
    }
    forget(suite, &stem);
}

fn quirks(suite: &Suite) {
    let name = suite.name("quirk");
    let user = format!("{name}-user");
    let manifest = format!(
        "
apiVersion: v1
kind: Namespace
metadata: {{name: {name}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: r, namespace: {name}}}
rules:
- {{verbs: [list], apiGroups: [''], resources: [secrets], resourceNames: [x]}}
- {{verbs: [list], apiGroups: [''], resources: [endpoints], resourceNames: ['']}}
- {{verbs: [create, patch], apiGroups: [''], resources: [configmaps], resourceNames: [made]}}
- {{verbs: [get], apiGroups: [''], resources: [namespaces, nodes]}}
- {{verbs: [get], apiGroups: [''], resources: ['pods/*']}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: b, namespace: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}}
subjects: [{{kind: User, apiGroup: rbac.authorization.k8s.io, name: {user}}}]
"
    );
    apply(suite, &manifest);
    // What is asked here, and a real request by the same user.
    let asked = [
        ("list secrets", "", "get secrets -o name", false),
        (
            "list secrets",
            "x",
            "get secrets -o name --field-selector metadata.name=x",
            true,
        ),
        ("list endpoints", "", "get endpoints -o name", true),
        (
            "get namespaces",
            &name,
            &format!("get namespace {name} -o name"),
            true,
        ),
        ("get nodes", "", "get nodes -o name", false),
        ("get pods/log", "", "logs nothing", false),
        ("create configmaps", "", "create configmap made", false),
    ];
    for (question, object, request, allowed) in asked {
        let mut run = suite.admin(&format!("can-i-audit why user:{user} {question} -n {name}"));
        if !object.is_empty() {
            run = run.args(["--name", object]);
        }
        run.run().code(if allowed { 0 } else { 3 });
        let real = suite
            .admin(&format!("{request} -n {name} --as {user}"))
            .run();
        let refused = real.stderr.contains("is forbidden");
        assert_eq!(!refused, allowed, "{question} {object}\n{real}");
    }
    // Server-side apply asks for `create` with the name.
    let map = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"made\",\"namespace\":\"{name}\"}}}}"
    );
    let run = suite.admin(&format!("apply --server-side -f - --as {user}"));
    run.stdin(&map).run().success();
    let question = format!("can-i-audit why user:{user} create configmaps --name made -n {name}");
    suite.admin(&question).run().success();
}
