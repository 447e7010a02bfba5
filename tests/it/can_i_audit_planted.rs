//! `kubectl can-i-audit risks`: every rule, planted on a real API server.

use std::collections::BTreeSet;

use harness::{Case, Need, Suite, eventually};
use serde_json::{Value, json};

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "every_rule_that_is_planted_on_a_server_is_found_there_and_nothing_else",
        &[Need::Plugins, Need::Apart],
        planted,
    )]
}

/// Where a role is bound.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Cluster,
    Namespace,
}
use Scope::{Cluster, Namespace};

const RBAC: &str = "rbac.authorization.k8s.io";

/// One role with one binding of the rule's name: rule, scope, who (a user of the rule's own where
/// it is empty), and what is allowed as `verbs groups resources [names]` or `verbs /path`, where
/// `core` is the core group and `empty` the empty name.
///
/// Not among them: HYG-11, because the server's own controller corrects it, and what takes more than
/// one role and one binding.
const PLANTS: &[(&str, Scope, &str, &[&str])] = &[
    ("CIA-001", Cluster, "", &["* * *", "* /*"]),
    ("CIA-002", Namespace, "User system:anonymous", HARMLESS),
    (
        "CIA-003",
        Cluster,
        "",
        &["escalate,update rbac.authorization.k8s.io clusterroles"],
    ),
    (
        "CIA-004",
        Cluster,
        "",
        &[
            "bind rbac.authorization.k8s.io clusterroles",
            "create rbac.authorization.k8s.io clusterrolebindings",
        ],
    ),
    ("CIA-005", Cluster, "", &["impersonate core users"]),
    (
        "CIA-006",
        Cluster,
        "",
        &[
            "impersonate:user-info authentication.k8s.io users",
            "impersonate-on:user-info:list core limitranges",
        ],
    ),
    ("CIA-007", Cluster, "", &["get core nodes/proxy"]),
    (
        "CIA-008",
        Cluster,
        "",
        &[
            "create certificates.k8s.io certificatesigningrequests",
            "update certificates.k8s.io certificatesigningrequests/approval",
            "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client",
        ],
    ),
    (
        "CIA-009",
        Cluster,
        "",
        &["create core serviceaccounts/token"],
    ),
    (
        "CIA-010",
        Cluster,
        "",
        &["patch admissionregistration.k8s.io validatingadmissionpolicybindings"],
    ),
    ("CIA-011", Namespace, "Group system:masters", HARMLESS),
    ("CIA-012", Cluster, "", &["watch core secrets"]),
    ("CIA-014", Cluster, "", &["patch apps deployments"]),
    ("CIA-015", Cluster, "", &["create core pods/exec"]),
    (
        "CIA-016",
        Cluster,
        "",
        &["patch core pods/ephemeralcontainers"],
    ),
    ("CIA-017", Cluster, "", &["get core services/proxy"]),
    ("CIA-018", Cluster, "", &["create core persistentvolumes"]),
    ("CIA-019", Cluster, "", &["patch core namespaces"]),
    ("CIA-020", Cluster, "", &["* core limitranges"]),
    ("CIA-021", Namespace, "Group system:authenticated", HARMLESS),
    ("CIA-022", Namespace, "ServiceAccount default", HARMLESS),
    (
        "CIA-023",
        Cluster,
        "",
        &["create rbac.authorization.k8s.io rolebindings"],
    ),
    (
        "CIA-024",
        Cluster,
        "",
        &["update apiregistration.k8s.io apiservices"],
    ),
    (
        "CIA-025",
        Cluster,
        "",
        &["patch apiextensions.k8s.io customresourcedefinitions"],
    ),
    (
        "CIA-026",
        Cluster,
        "",
        &["update core nodes", "create core pods/eviction"],
    ),
    ("CIA-027", Cluster, "", &["create core pods/binding"]),
    (
        "CIA-028",
        Cluster,
        "",
        &["patch discovery.k8s.io endpointslices"],
    ),
    ("CIA-029", Cluster, "", &["patch core services/status"]),
    ("CIA-030", Cluster, "", &["update core configmaps"]),
    (
        "CIA-031",
        Cluster,
        "",
        &[
            "attest certificates.k8s.io signers",
            "create certificates.k8s.io clustertrustbundles",
        ],
    ),
    (
        "CIA-033",
        Cluster,
        "",
        &["deletecollection example.com,* *"],
    ),
    ("HYG-03", Namespace, "nobody", HARMLESS),
    ("HYG-05", Cluster, "", &["get core pods/*"]),
    ("HYG-06", Cluster, "", &["get core limitranges *"]),
    ("HYG-07", Cluster, "", &["list core limitranges empty"]),
    ("HYG-09", Namespace, "", &["get core nodes/proxy"]),
    ("HYG-02", Namespace, "ServiceAccount gone", HARMLESS),
    ("HYG-10", Namespace, "alias", HARMLESS),
];
const HARMLESS: &[&str] = &["get core limitranges"];

/// Rules that are planted in their own way below.
const OTHERS: [&str; 4] = ["CIA-032", "HYG-01", "HYG-04", "HYG-08"];
/// Found together with another, because it says something else of the same grant.
const TOGETHER: [(&str, &str); 2] = [("CIA-021", "CIA-032"), ("CIA-012", "CIA-033")];
/// What is not planted on a server.
const NOT_HERE: [&str; 7] = [
    "CIA-013", "CIA-034", "CIA-035", "CIA-036", "HYG-11", "HYG-20", "HYG-21",
];

fn words(text: &str) -> Vec<&str> {
    let word = |word| match word {
        "core" | "empty" => "",
        word => word,
    };
    text.split(',').map(word).collect()
}

pub(crate) fn rule(text: &str) -> Value {
    let parts: Vec<&str> = text.split(' ').collect();
    if parts[1].starts_with('/') {
        return json!({"verbs": words(parts[0]), "nonResourceURLs": words(parts[1])});
    }
    let mut rule = json!({
        "verbs": words(parts[0]),
        "apiGroups": words(parts[1]),
        "resources": words(parts[2]),
    });
    if let Some(names) = parts.get(3) {
        rule["resourceNames"] = json!(words(names));
    }
    rule
}

/// The world of one run: a namespace, and objects that are named after the rules.
struct Garden {
    stem: String,
    objects: Vec<Value>,
}

impl Garden {
    fn name(&self, id: &str) -> String {
        format!("{}-{}", self.stem, id.to_lowercase())
    }

    fn add(&mut self, scope: Scope, kind: &str, name: &str, mut body: Value) {
        body["apiVersion"] = json!(format!("{RBAC}/v1"));
        body["metadata"] = json!({"name": name});
        if scope == Namespace {
            body["kind"] = json!(kind);
            body["metadata"]["namespace"] = json!(self.stem);
        } else {
            body["kind"] = json!(format!("Cluster{kind}"));
        }
        self.objects.push(body);
    }

    fn role(&mut self, scope: Scope, id: &str, rules: &[&str]) {
        let rules: Vec<Value> = rules.iter().map(|text| rule(text)).collect();
        let name = self.name(id);
        self.add(scope, "Role", &name, json!({"rules": rules}));
    }

    /// Binds the role of a rule.
    fn bind(&mut self, scope: Scope, id: &str, name: &str, who: &str) {
        let kind = if scope == Cluster {
            "ClusterRole"
        } else {
            "Role"
        };
        let role = self.name(id);
        let subjects = self.subjects(&role, who);
        let body = json!({
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role},
            "subjects": subjects,
        });
        self.add(scope, "RoleBinding", name, body);
    }

    fn subjects(&self, role: &str, who: &str) -> Value {
        let one = |kind: &str, name: &str| json!([{"apiGroup": RBAC, "kind": kind, "name": name}]);
        match who.split_once(' ') {
            Some(("ServiceAccount", name)) => {
                json!([{"kind": "ServiceAccount", "name": name, "namespace": self.stem}])
            }
            Some((kind, name)) => one(kind, name),
            None if who == "nobody" => json!([]),
            None if who == "alias" => {
                one("User", &format!("system:serviceaccount:{}:app", self.stem))
            }
            None => one("User", role),
        }
    }
}

fn planted(suite: &Suite) {
    let mut garden = Garden {
        stem: suite.name("plant"),
        objects: Vec::new(),
    };
    let stem = garden.stem.clone();
    let make = |words: &str| {
        suite.admin(&format!("create {words}")).run().success();
    };
    make(&format!("namespace {stem}"));
    make(&format!("serviceaccount app -n {stem}"));
    let mut expected: BTreeSet<(String, String)> = BTreeSet::new();
    for (id, scope, who, rules) in PLANTS {
        garden.role(*scope, id, rules);
        let name = garden.name(id);
        garden.bind(*scope, id, &name, who);
        expected.insert(((*id).to_owned(), name));
    }
    garden.role(Cluster, "CIA-032", &["get /debug/*"]);
    let name = garden.name("CIA-032");
    garden.bind(Cluster, "CIA-032", &name, "Group system:serviceaccounts");
    let name = garden.name("HYG-01");
    garden.bind(Namespace, "HYG-01", &name, "");
    garden.role(Namespace, "HYG-04", HARMLESS);
    garden.role(Namespace, "HYG-08", HARMLESS);
    for name in [garden.name("HYG-08"), garden.name("HYG-08") + "-twice"] {
        garden.bind(Namespace, "HYG-08", &name, "");
    }
    let others = OTHERS.map(|id| (id, id));
    for (found, at) in others.into_iter().chain(TOGETHER) {
        expected.insert((found.to_owned(), garden.name(at)));
    }
    let account = format!("serviceaccount/default -n {stem}");
    eventually("the default service account", || {
        suite.get(&account).is_some()
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": garden.objects});
    let file = suite.file("plants.json", &list.to_string());
    suite.admin("create -f").args([&file]).run().success();

    let output = suite
        .admin("can-i-audit risks --min-severity info -o json")
        .run();
    let report = output.code(3).json();
    assert_eq!(report["complete"], json!(true), "{output}");
    let mut found: BTreeSet<(String, String)> = BTreeSet::new();
    for finding in report["findings"].as_array().expect("findings") {
        let rule = finding["rule"].as_str().expect("a rule");
        let object = finding["object"].as_str().unwrap_or_default();
        let object = object.rsplit('/').next().unwrap_or_default();
        let grants = finding["grants"].as_array().expect("grants");
        let names = grants.iter().map(|grant| grant["binding"]["name"].as_str());
        // Other cases' objects are in the cluster too.
        for name in names.flatten().chain([object]) {
            if name.starts_with(&stem) {
                let plant = name.trim_end_matches("-twice");
                found.insert((rule.to_owned(), plant.to_owned()));
            }
        }
        let ours = object.starts_with(&stem) || finding.to_string().contains(&stem);
        if ours {
            assert!(
                !finding["why"].as_str().unwrap_or_default().is_empty(),
                "{finding}"
            );
            assert!(
                !finding["fix"].as_str().unwrap_or_default().is_empty(),
                "{finding}"
            );
        }
    }
    assert_eq!(found, expected);
    every_rule_is_planted(suite, &expected);

    let delete = suite.admin("delete --ignore-not-found --wait=false -f");
    delete.args([&file]).run().success();
    let delete = format!("delete namespace {stem} --wait=false");
    suite.admin(&delete).run().success();
}

/// What `--list-rules` names is what was planted, and what is not planted is known.
fn every_rule_is_planted(suite: &Suite, expected: &BTreeSet<(String, String)>) {
    let list = suite.admin("can-i-audit risks --list-rules").run();
    let listed = list.success().stdout.lines().skip(1);
    let listed: BTreeSet<&str> = listed.filter_map(|line| line.split(' ').next()).collect();
    let planted = expected.iter().map(|(rule, _)| rule.as_str());
    assert_eq!(listed, planted.chain(NOT_HERE).collect());
}
