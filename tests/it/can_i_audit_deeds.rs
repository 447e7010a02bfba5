//! `kubectl can-i-audit risks`: each rule is exact. With the rights that it names a deed is done on a
//! real API server; with any one of them taken away, or taken for something else, the server refuses
//! it, and nothing is found.

use std::collections::BTreeSet;

use harness::{Case, Need, Output, Suite, eventually};
use serde_json::{Value, json};

use crate::can_i_audit_planted::rule;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "a_rule_is_found_exactly_where_the_server_lets_its_deed_pass",
        &[Need::Plugins, Need::Apart],
        deeds,
    )]
}

const RBAC: &str = "rbac.authorization.k8s.io";
/// What the Secret holds, in base64.
const HIDDEN: &str = "aGlkZGVuLXRydXRo";

/// Somebody who tries a deed.
struct Try<'s> {
    suite: &'s Suite,
    namespace: &'s str,
    user: String,
}

struct Deed {
    rule: &'static str,
    /// Bound with a ClusterRoleBinding, or with a RoleBinding.
    cluster: bool,
    /// Each right that it takes, as `verbs groups resources [names]`.
    parts: &'static [&'static str],
    /// Rights that look alike and are not enough.
    alike: &'static [&'static [&'static str]],
    run: fn(&Try<'_>) -> Output,
    /// What the answer holds when it is done.
    proof: &'static str,
    /// The severity of the finding, where a lesser deed is found too.
    severity: &'static str,
}

const DEEDS: &[Deed] = &[
    Deed {
        rule: "CIA-012",
        cluster: false,
        parts: &["patch core secrets seed"],
        alike: &[&["create,update core secrets"]],
        run: |who| {
            let bare = who.object("v1", "Secret", "seed", json!({}));
            let line = "apply --server-side --force-conflicts -o json -f -";
            who.kubectl(line, &bare)
        },
        proof: HIDDEN,
        severity: "",
    },
    Deed {
        rule: "CIA-012",
        cluster: false,
        parts: &["delete core secrets seed"],
        alike: &[&["update core secrets"]],
        run: |who| {
            let query = "?dryRun=All&propagationPolicy=Foreground";
            who.raw("delete", &format!("secrets/seed{query}"), None)
        },
        proof: HIDDEN,
        severity: "",
    },
    Deed {
        rule: "CIA-012",
        cluster: false,
        parts: &["deletecollection core secrets"],
        alike: &[&["deletecollection core secrets seed"]],
        run: |who| who.raw("delete", "secrets?dryRun=All", None),
        proof: HIDDEN,
        severity: "",
    },
    Deed {
        rule: "CIA-013",
        cluster: false,
        parts: &["create core secrets", "get core secrets"],
        alike: &[&["create core secrets minted", "get core secrets"]],
        run: |who| {
            let name = format!("minted-{}", who.user);
            let mut secret = who.object("v1", "Secret", &name, json!({}));
            secret["type"] = json!("kubernetes.io/service-account-token");
            secret["metadata"]["annotations"] =
                json!({"kubernetes.io/service-account.name": "robot"});
            let made = who.raw("create", "secrets", Some(&secret));
            if made.stderr.contains("forbidden") {
                return made;
            }
            who.raw("get", &format!("secrets/{name}"), None)
        },
        proof: "service-account.name",
        severity: "",
    },
    Deed {
        rule: "CIA-013",
        cluster: false,
        parts: &["patch core secrets mine", "create core secrets mine"],
        alike: &[&["patch core secrets mine", "create core secrets yours"]],
        run: |who| {
            let secret = who.object("v1", "Secret", "mine", json!({"stringData": {"a": "b"}}));
            let output = who.kubectl("apply --server-side -o json -f -", &secret);
            let delete = format!("delete secret mine --ignore-not-found -n {}", who.namespace);
            who.suite.admin(&delete).run().success();
            output
        },
        proof: "mine",
        severity: "",
    },
    Deed {
        rule: "CIA-019",
        cluster: false,
        parts: &["update core namespaces/status"],
        alike: &[&["update core pods/status"], &["get core namespaces"]],
        run: |who| who.relabel("status"),
        proof: "\"privileged\"",
        severity: "",
    },
    Deed {
        rule: "CIA-019",
        cluster: false,
        parts: &["update core namespaces/finalize"],
        alike: &[&["patch core namespaces/finalize"]],
        run: |who| who.relabel("finalize"),
        proof: "\"privileged\"",
        severity: "",
    },
    Deed {
        rule: "CIA-003",
        cluster: false,
        parts: &[
            "escalate rbac.authorization.k8s.io roles alpha",
            "patch rbac.authorization.k8s.io roles alpha",
        ],
        alike: &[
            &[
                "escalate rbac.authorization.k8s.io roles beta",
                "patch rbac.authorization.k8s.io roles alpha",
            ],
            &[
                "escalate rbac.authorization.k8s.io clusterroles",
                "patch rbac.authorization.k8s.io roles alpha",
            ],
        ],
        run: |who| {
            let mut role = who.role("alpha");
            role["metadata"]["labels"] = json!({"by": who.user});
            let line = "apply --server-side --force-conflicts -o json -f -";
            let output = who.kubectl(line, &role);
            who.bare_role();
            output
        },
        proof: "secrets",
        severity: "",
    },
    Deed {
        rule: "CIA-003",
        cluster: false,
        parts: &[
            "escalate rbac.authorization.k8s.io roles",
            "create rbac.authorization.k8s.io roles",
        ],
        alike: &[
            &[
                "escalate rbac.authorization.k8s.io roles gamma",
                "create rbac.authorization.k8s.io roles",
            ],
            &[
                "escalate rbac.authorization.k8s.io clusterroles",
                "create rbac.authorization.k8s.io roles",
            ],
        ],
        run: |who| {
            let body = who.role(&format!("gamma-{}", who.user));
            who.raw_in(RBAC, "create", "roles", Some(&body))
        },
        proof: "secrets",
        severity: "",
    },
    Deed {
        rule: "CIA-004",
        cluster: false,
        parts: &[
            "bind rbac.authorization.k8s.io clusterroles edit",
            "create rbac.authorization.k8s.io rolebindings",
        ],
        alike: &[
            &[
                "bind rbac.authorization.k8s.io roles",
                "create rbac.authorization.k8s.io rolebindings some",
            ],
            &[
                "bind rbac.authorization.k8s.io clusterroles edit",
                "create rbac.authorization.k8s.io rolebindings some",
            ],
        ],
        run: |who| {
            who.bind(
                &format!("namespaces/{}/rolebindings", who.namespace),
                "RoleBinding",
            )
        },
        proof: "RoleBinding",
        severity: "",
    },
    Deed {
        rule: "CIA-004",
        cluster: true,
        parts: &[
            "bind rbac.authorization.k8s.io clusterroles edit",
            "create rbac.authorization.k8s.io clusterrolebindings",
        ],
        alike: &[&[
            "bind rbac.authorization.k8s.io roles",
            "create rbac.authorization.k8s.io clusterrolebindings",
        ]],
        run: |who| {
            let output = who.bind("clusterrolebindings", "ClusterRoleBinding");
            let delete = format!(
                "delete clusterrolebinding given-by-{} --ignore-not-found",
                who.user
            );
            who.suite.admin(&delete).run().success();
            output
        },
        proof: "ClusterRoleBinding",
        severity: "",
    },
    Deed {
        rule: "CIA-005",
        cluster: true,
        parts: &["impersonate core users bob", "impersonate core groups"],
        alike: &[
            &["impersonate core users bob", "impersonate core groups team"],
            &[
                "impersonate core users ben",
                "impersonate authentication.k8s.io groups",
            ],
        ],
        run: |who| {
            let line = "get --raw /api/v1/namespaces/kube-system/secrets --as bob \
                        --as-group system:masters";
            who.with_token(line)
        },
        proof: "SecretList",
        severity: "critical",
    },
    Deed {
        rule: "CIA-005",
        cluster: true,
        parts: &["impersonate core serviceaccounts robot"],
        alike: &[&["impersonate rbac.authorization.k8s.io serviceaccounts"]],
        run: |who| {
            let robot = format!("system:serviceaccount:{}:robot", who.namespace);
            who.with_token(&format!("auth whoami -o json --as {robot}"))
        },
        proof: ":robot",
        severity: "",
    },
    Deed {
        rule: "CIA-028",
        cluster: false,
        parts: &["update core pods/status"],
        alike: &[&["update core services/status"]],
        run: |who| {
            let pod = format!("pod web -n {}", who.namespace);
            let mut pod = who.suite.get(&pod).expect("the pod is there");
            pod["metadata"]["labels"] = json!({"app": "stolen"});
            who.raw("replace", "pods/web/status", Some(&pod))
        },
        proof: "stolen",
        severity: "",
    },
];

impl Try<'_> {
    fn object(&self, version: &str, kind: &str, name: &str, body: Value) -> Value {
        let mut object = body;
        object["apiVersion"] = json!(version);
        object["kind"] = json!(kind);
        object["metadata"] = json!({"name": name, "namespace": self.namespace});
        object
    }

    /// A role that gives more than anybody here has.
    fn role(&self, name: &str) -> Value {
        let rules = json!({"rules": [rule("get core secrets")]});
        self.object(&format!("{RBAC}/v1"), "Role", name, rules)
    }

    /// Puts back the role that is changed.
    fn bare_role(&self) {
        let mut role = self.role("alpha");
        role["rules"] = json!([]);
        let run = self
            .suite
            .admin("apply --server-side --force-conflicts -f -");
        run.stdin(&role.to_string()).run().success();
    }

    fn kubectl(&self, line: &str, body: &Value) -> Output {
        let run = self.suite.admin(line).args(["--as", &self.user]);
        run.stdin(&body.to_string()).run()
    }

    fn raw(&self, verb: &str, path: &str, body: Option<&Value>) -> Output {
        self.send(
            verb,
            &format!("/api/v1/namespaces/{}/{path}", self.namespace),
            body,
        )
    }

    fn raw_in(&self, group: &str, verb: &str, path: &str, body: Option<&Value>) -> Output {
        let namespace = self.namespace;
        self.send(
            verb,
            &format!("/apis/{group}/v1/namespaces/{namespace}/{path}"),
            body,
        )
    }

    fn send(&self, verb: &str, uri: &str, body: Option<&Value>) -> Output {
        let run = self
            .suite
            .admin(verb)
            .args(["--raw", uri, "--as", &self.user]);
        match body {
            Some(body) => run.args(["-f", "-"]).stdin(&body.to_string()).run(),
            None => run.run(),
        }
    }

    /// Lets any pod into the namespace.
    fn relabel(&self, subresource: &str) -> Output {
        let own = format!("namespace {}", self.namespace);
        let mut namespace = self.suite.get(&own).expect("the namespace is there");
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = json!("privileged");
        let output = self.raw("replace", subresource, Some(&namespace));
        let now = self.suite.get(&own).expect("the namespace is there");
        let level = &now["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
        let changed = !output.stderr.contains("forbidden");
        assert_eq!(level == "privileged", changed, "{output}");
        let label = "pod-security.kubernetes.io/enforce=restricted";
        let back = format!("label --overwrite {own} {label}");
        self.suite.admin(&back).run().success();
        output
    }

    fn bind(&self, path: &str, kind: &str) -> Output {
        let body = json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": kind,
            "metadata": {"name": format!("given-by-{}", self.user)},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "edit"},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": "somebody"}],
        });
        self.send("create", &format!("/apis/{RBAC}/v1/{path}"), Some(&body))
    }

    /// Impersonation is asked of who really came: a service account of this name, with a token.
    fn with_token(&self, line: &str) -> Output {
        let make = format!("create token {} -n {}", self.user, self.namespace);
        let token = self
            .suite
            .admin(&make)
            .run()
            .success()
            .stdout
            .trim()
            .to_owned();
        let view = self.suite.admin("config view --raw --minify -o json").run();
        let mut config = view.success().json();
        config["users"][0]["user"] = json!({"token": token});
        let file = self
            .suite
            .file(&format!("{}.json", self.user), &config.to_string());
        self.suite.kubectl().kubeconfig(&file).line(line).run()
    }
}

/// One set of rights for one deed.
struct Attempt<'d> {
    deed: &'d Deed,
    user: String,
    enough: bool,
}

fn deeds(suite: &Suite) {
    let namespace = suite.name("deeds");
    prepare(suite, &namespace);
    let mut objects = Vec::new();
    let mut attempts = Vec::new();
    for (number, deed) in DEEDS.iter().enumerate() {
        let mut add = |word: String, parts: &[&str], enough: bool| {
            let user = format!("{namespace}-{number}-{word}");
            objects.extend(rights(&namespace, &user, deed, parts));
            attempts.push(Attempt { deed, user, enough });
        };
        add("all".to_owned(), deed.parts, true);
        for missing in 0..deed.parts.len() {
            let mut parts = deed.parts.to_vec();
            parts.remove(missing);
            add(format!("without-{missing}"), &parts, false);
        }
        for (at, parts) in deed.alike.iter().enumerate() {
            add(format!("alike-{at}"), parts, false);
        }
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let file = suite.file("deeds.json", &list.to_string());
    suite.admin("create -f").args([&file]).run().success();
    let report = suite
        .admin("can-i-audit risks --min-severity info -o json")
        .run();
    let report = report.code(3).json();
    let findings = report["findings"].as_array().expect("findings");
    for attempt in &attempts {
        let Attempt { deed, user, enough } = attempt;
        let who = Try {
            suite,
            namespace: &namespace,
            user: user.clone(),
        };
        let mut output = (deed.run)(&who);
        if *enough {
            // The authorizer may be a moment behind.
            eventually(user, || {
                let done = output.stdout.contains(deed.proof);
                if !done {
                    output = (deed.run)(&who);
                }
                done
            });
        } else {
            let refused = ["forbidden", "Forbidden", "do not have permission"];
            let refused = refused.iter().any(|word| output.stderr.contains(word));
            assert!(
                refused && !output.stdout.contains(deed.proof),
                "{user}\n{output}"
            );
        }
        let account = format!("sa:{namespace}/{user}");
        let of_user = findings.iter().filter(|one| {
            let severity = one["severity"].as_str().unwrap_or_default();
            one["subject"] == account.as_str() && severity.contains(deed.severity)
        });
        let rules: BTreeSet<&str> = of_user.filter_map(|one| one["rule"].as_str()).collect();
        assert_eq!(rules.contains(deed.rule), *enough, "{user}: {rules:?}");
    }
    let delete = suite.admin("delete --ignore-not-found --wait=false -f");
    delete.args([&file]).run().success();
    let delete = format!("delete namespace {namespace} --wait=false");
    suite.admin(&delete).run().success();
}

/// A namespace with a Secret, a pod, a role and an account.
fn prepare(suite: &Suite, namespace: &str) {
    let label = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let container = json!({
        "name": "web",
        "image": "registry.example.com/web",
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    let of = |kind: &str, name: &str| {
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "v1", "kind": kind, "metadata": metadata})
    };
    let space = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace, "labels": label},
    });
    let mut secret = of("Secret", "seed");
    secret["data"] = json!({"key": HIDDEN});
    let mut pod = of("Pod", "web");
    pod["metadata"]["labels"] = json!({"app": "web"});
    pod["spec"] = json!({"containers": [container], "serviceAccountName": "robot"});
    let accounts = [of("ServiceAccount", "robot")];
    for object in [space, secret].iter().chain(&accounts).chain([&pod]) {
        let run = suite.admin("create -f -").stdin(&object.to_string());
        run.run().success();
    }
    let who = Try {
        suite,
        namespace,
        user: String::new(),
    };
    who.bare_role();
}

/// An account that is called like the user, and the user himself, with these rights.
fn rights(namespace: &str, user: &str, deed: &Deed, parts: &[&str]) -> Vec<Value> {
    let rules: Vec<Value> = parts.iter().map(|part| rule(part)).collect();
    let prefix = if deed.cluster { "Cluster" } else { "" };
    let mut metadata = json!({"name": user});
    if !deed.cluster {
        metadata["namespace"] = json!(namespace);
    }
    let account = json!({"name": user, "namespace": namespace});
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}),
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": format!("{prefix}Role"),
            "metadata": metadata,
            "rules": rules,
        }),
        json!({
            "apiVersion": format!("{RBAC}/v1"),
            "kind": format!("{prefix}RoleBinding"),
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": format!("{prefix}Role"), "name": user},
            "subjects": [
                {"kind": "ServiceAccount", "name": user, "namespace": namespace},
                {"apiGroup": RBAC, "kind": "User", "name": user},
            ],
        }),
    ]
}
