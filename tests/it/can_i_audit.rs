//! `kubectl can-i-audit` against the server's own opinion, and with rights that do not suffice.

use std::fmt::Write as _;

use harness::{Case, Fault, Match, Need, Output, Rule, Suite};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster];
    let faults = &[Need::Plugins, Need::Sandbox];
    vec![
        Case::new(
            "the_server_agrees_in_twenty_thousand_questions",
            needs,
            the_server_agrees,
        ),
        Case::new(
            "quirks_are_answered_as_the_server_answers_them",
            needs,
            quirks,
        ),
        Case::new("a_failed_expectation_ends_with_3", needs, expectations),
        Case::new(
            "what_may_not_be_listed_is_named_and_never_denied",
            needs,
            partial_rights,
        ),
        Case::new(
            "rights_in_one_namespace_answer_about_that_namespace",
            needs,
            namespace_rights,
        ),
        Case::new("a_snapshot_answers_as_the_cluster_does", needs, snapshot),
        Case::new("two_runs_are_byte_identical", needs, deterministic),
        Case::new(
            "kubernetes_own_policy_is_no_finding_and_one_more_right_is",
            needs,
            own_policy,
        ),
        Case::new("a_changed_cluster_differs_in_what_changed", needs, differs),
        Case::new(
            "a_list_that_the_server_forgets_is_begun_again",
            faults,
            forgotten_list,
        ),
        Case::new("a_busy_server_is_waited_for", faults, busy),
        Case::new(
            "a_list_that_breaks_off_leaves_the_answer_open",
            faults,
            broken_list,
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

fn object(scope: Option<&String>, kind: &str, name: &str, body: &Value) -> Value {
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

fn apply(suite: &Suite, text: &str) {
    let run = suite.admin("apply -f -").stdin(text);
    run.run().success();
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

const EXPECTATIONS: &str = "
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

/// Binds a user to listing these resources, everywhere or in one namespace.
fn auditor(suite: &Suite, user: &str, resources: &str, namespace: Option<&str>) {
    let place = namespace.map_or(String::new(), |name| format!(", namespace: {name}"));
    let prefix = if namespace.is_some() { "" } else { "Cluster" };
    apply(
        suite,
        &format!(
            "
apiVersion: rbac.authorization.k8s.io/v1
kind: {prefix}Role
metadata: {{name: {user}{place}}}
rules: [{{verbs: [list], apiGroups: ['*'], resources: [{resources}]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {prefix}RoleBinding
metadata: {{name: {user}{place}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {prefix}Role, name: {user}}}
subjects: [{{kind: User, apiGroup: rbac.authorization.k8s.io, name: {user}}}]
"
        ),
    );
}

fn partial_rights(suite: &Suite) {
    let user = suite.name("auditor");
    let may = "roles, clusterroles, rolebindings, namespaces, serviceaccounts";
    auditor(suite, &user, may, None);
    let ask = |words: &str| {
        suite
            .admin(&format!("can-i-audit {words} --as {user}"))
            .run()
    };
    let output = ask("who get secrets -n kube-system -o json");
    let answer = output.code(4).says("clusterrolebindings").json();
    assert_eq!(answer["complete"], false);
    assert_eq!(answer["missing"][0]["resource"], "clusterrolebindings");
    // What is granted in the namespace is still known; what is not seen is not denied.
    ask("why sa:kube-system/token-cleaner get secrets -n kube-system")
        .code(0)
        .answers("allowed");
    ask("why user:nobody get secrets -n kube-system")
        .code(4)
        .answers("unknown");
    let file = suite.file("a.yaml", EXPECTATIONS);
    let run = suite
        .admin(&format!("can-i-audit check -o json --as {user} -f"))
        .args([&file]);
    let report = run.run();
    let report = report.code(4).json();
    assert_eq!(report["results"][1]["allowed"], Value::Null);
    assert_eq!(report["results"][0]["allowed"], true);
    ask("who get secrets --allow-partial").success();
    let nobody = suite.name("nobody");
    let run = suite.admin(&format!("can-i-audit who get secrets --as {nobody}"));
    run.run()
        .code(4)
        .no_answer()
        .says("may list neither")
        .says("hint: ");
    suite
        .admin(&format!("delete clusterrole,clusterrolebinding {user}"))
        .run()
        .success();
}

fn namespace_rights(suite: &Suite) {
    let user = suite.name("local");
    suite
        .admin(&format!("create namespace {user}"))
        .run()
        .success();
    auditor(suite, &user, "roles, rolebindings", Some(&user));
    let ask = |words: &str| {
        suite
            .admin(&format!("can-i-audit {words} --as {user}"))
            .run()
    };
    ask(&format!("why user:{user} list roles -n {user}"))
        .code(0)
        .answers("allowed");
    let output = ask(&format!("what user:{user} -n {user}"));
    output
        .code(4)
        .answers(&user)
        .says("clusterrolebindings")
        .says(&format!("outside namespace {user}"));
}

fn snapshot(suite: &Suite) {
    let file = suite.path("snap.json");
    suite
        .admin("can-i-audit snapshot -o")
        .args([&file])
        .run()
        .success();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file)
            .expect("the snapshot")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let question = "can-i-audit who get secrets -n kube-system -o json";
    let live = suite.admin(question).run();
    let kept = suite.admin(question).args(["--from"]).args([&file]).run();
    assert_eq!(live.success().stdout, kept.success().stdout);
}

fn deterministic(suite: &Suite) {
    for words in [
        "who get secrets --any-namespace -o json",
        "what group:system:masters -A",
        "-o json",
    ] {
        let one = suite.admin(&format!("can-i-audit {words}")).run();
        let two = suite.admin(&format!("can-i-audit {words}")).run();
        assert_eq!(one.success().stdout, two.success().stdout);
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
    let of_hers = |rows: &Value| -> usize {
        let rows = rows.as_array().expect("rows");
        rows.iter()
            .filter(|row| row["subject"] == format!("user:{name}"))
            .count()
    };
    assert_eq!(
        (of_hers(&found["gained"]), of_hers(&found["lost"])),
        (1, 0),
        "{output}"
    );
    let same = diff(&after, &after);
    let same = same.success().json();
    assert_eq!(
        (same["gained"].clone(), same["lost"].clone()),
        (json!([]), json!([]))
    );
}

/// Enough RoleBindings for a list of several pages; the limit of 500 is the plugin's.
fn many_bindings(suite: &Suite, namespace: &str) {
    suite
        .admin(&format!("create namespace {namespace}"))
        .run()
        .success();
    let items: Vec<Value> = (0..1_100)
        .map(|number| {
            let scope = namespace.to_owned();
            let body = json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
                "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": format!("u{number}")}],
            });
            object(Some(&scope), "RoleBinding", &format!("many-{number}"), &body)
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let file = suite.file("many.json", &list);
    suite
        .admin("create --validate=false -f")
        .args([&file])
        .run()
        .success();
}

fn through(suite: &Suite, rule: Option<Rule>, words: &str) -> (Output, usize) {
    let through = suite.proxied();
    if let Some(rule) = rule {
        through.proxy.add(rule);
    }
    let output = suite
        .admin(&format!("can-i-audit {words}"))
        .kubeconfig(&through.kubeconfig)
        .run();
    let lists = through
        .proxy
        .log()
        .iter()
        .filter(|sent| sent.path.contains("/rolebindings"))
        .count();
    (output, lists)
}

fn on_later_page() -> Match {
    Match {
        path: Some("/rolebindings?limit=500&continue=".to_owned()),
        ..Match::default()
    }
}

fn forgotten_list(suite: &Suite) {
    let name = suite.name("pages");
    many_bindings(suite, &name);
    let words = format!("who get pods -n {name} -o name");
    let (whole, lists) = through(suite, None, &words);
    let gone = Fault::Answer {
        code: 410,
        reason: "Expired",
        retry_after: None,
    };
    let (again, more) = through(suite, Some(Rule::once(on_later_page(), gone)), &words);
    assert_eq!(whole.success().stdout, again.success().stdout);
    assert!(whole.stdout.lines().count() > 1_100, "{whole}");
    assert_eq!(
        more,
        lists + 2,
        "the first page and the one that failed are asked for again"
    );
}

fn busy(suite: &Suite) {
    let answer = Fault::Answer {
        code: 429,
        reason: "TooManyRequests",
        retry_after: Some(1),
    };
    let on = Match {
        path: Some("/rolebindings".to_owned()),
        ..Match::default()
    };
    let (output, lists) = through(suite, Some(Rule::times(2, on, answer)), "who get pods");
    output.success();
    assert!(lists >= 3, "{lists}");
}

fn broken_list(suite: &Suite) {
    let name = suite.name("breaks");
    many_bindings(suite, &name);
    let words = format!("why user:nobody get pods -n {name}");
    let broken = Fault::Answer {
        code: 500,
        reason: "InternalError",
        retry_after: None,
    };
    let (output, _) = through(
        suite,
        Some(Rule::times(50, on_later_page(), broken)),
        &words,
    );
    output.code(4).answers("unknown").says("rolebindings");
    // What the first pages hold is still an answer.
    let words = format!("why user:u0 get pods -n {name}");
    let cut = Rule::times(50, on_later_page(), Fault::CutBody(1_000));
    let (output, _) = through(suite, Some(cut), &words);
    output.says("rolebindings");
    assert!(matches!(output.code, Some(0 | 4)), "{output}");
}
