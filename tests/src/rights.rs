//! Roles from the documents, tried out: whether they suffice, and whether each right is needed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use fault_proxy::Entry;
use groundcrew_sandbox::layout::workspace_root;
use serde_json::{Value, json};

use crate::command::{Output, Run};
use crate::suite::{Suite, eventually};

const GROUP: &str = "rbac.authorization.k8s.io";
/// Label of everything that is made here.
const LABEL: &str = "groundcrew.dev/rights-test";
/// Users that try out what they lack at the same time.
const AT_ONCE: usize = 3;

/// Roles, and the commands that they are for.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'a> {
    /// The roles by name; the first one is tried, the others are there beside it.
    pub roles: &'a [&'a str],
    /// Command lines after `kubectl`, in order, with the exit code of each. `{}` is a name that
    /// nobody else has.
    pub commands: &'a [(&'a str, i32)],
    /// Whether each command can be run without those before it, and leaves all as it was. Then
    /// one name is used by all, and only the commands that use a right are tried without it.
    pub independent: bool,
    /// What the admin does first for a name.
    pub prepare: fn(&Suite, &str),
}

/// One role of a file.
#[derive(Clone, Debug)]
struct Role {
    name: String,
    namespace: Option<String>,
    rules: Vec<Value>,
}

/// One verb on one resource in one rule.
#[derive(Clone, Debug)]
struct Right {
    role: usize,
    rule: usize,
    group: String,
    resource: String,
    verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            group,
            resource,
            verb,
            rule,
            ..
        } = self;
        let dot = if group.is_empty() { "" } else { "." };
        write!(f, "{verb} {resource}{dot}{group} (rule {})", rule + 1)
    }
}

impl Right {
    /// Whether the API server asks about it by itself, without a request of that kind.
    fn is_asked_beside_a_request(&self) -> bool {
        let verbs = ["bind", "escalate", "approve", "impersonate"];
        verbs.contains(&self.verb.as_str()) || self.group == "groundcrew.dev"
    }
}

/// Verb, group and resource of a request.
type Asked = (String, String, String);

impl Suite {
    /// Proves that the roles of a file suffice for the commands, that the first of them names no
    /// right that no request needs, and that some command breaks without each single one.
    ///
    /// `objects` is where the roles come from: a file of `docs/rights`, or the cluster.
    ///
    /// # Panics
    ///
    /// When one of that is not so.
    pub fn proves(&self, objects: &str, rights: &Rights<'_>) {
        let documented = read_roles(objects);
        let find = |name: &&str| -> Role {
            let found = documented.iter().filter(|role| role.name == **name);
            let found: Vec<&Role> = found.collect();
            assert_eq!(found.len(), 1, "one role is called {name}");
            found[0].clone()
        };
        let roles: Vec<Role> = rights.roles.iter().map(find).collect();
        let all = rights_of(&roles[0], 0);
        assert!(!all.is_empty(), "{} gives nothing", roles[0].name);

        let whole = self.name("whole");
        let mut users = vec![(whole.clone(), roles.clone())];
        for right in &all {
            users.push((self.name("lacks"), without(&roles, right)));
        }
        self.grant(&users);
        let used = self.suffices(&whole, rights);
        for right in &all {
            let asked = (
                right.verb.clone(),
                right.group.clone(),
                right.resource.clone(),
            );
            assert!(
                right.is_asked_beside_a_request() || used.iter().any(|used| used.contains(&asked)),
                "no command asked to {right}; asked was: {used:#?}"
            );
        }
        let lacking = all.iter().zip(&users[1..]);
        let runs = lacking
            .map(|(right, (user, _))| {
                let name = if rights.independent { &whole } else { user };
                if !rights.independent {
                    (rights.prepare)(self, name);
                }
                let asked = (&right.verb, &right.group, &right.resource);
                let uses = |number: usize| {
                    let used = &used[number];
                    used.iter().any(|(v, g, r)| (v, g, r) == asked)
                };
                let any = (0..used.len()).any(uses);
                let commands = rights.commands.iter().enumerate();
                let runs = commands
                    .filter(|(number, _)| !rights.independent || !any || uses(*number))
                    .map(|(_, (words, code))| {
                        let kubeconfig = self.cluster().kubeconfig();
                        (self.run_as(user, kubeconfig, name, words), *code)
                    });
                (right.to_string(), runs.collect())
            })
            .collect();
        let needless = needless(runs);
        let delete = format!(
            "delete clusterroles,clusterrolebindings,roles,rolebindings -A -l {LABEL}={whole}"
        );
        self.admin(&delete).run().success();
        assert!(
            needless.is_empty(),
            "every command works as well without: {needless:#?}"
        );
    }

    /// Runs every command with all rights, through the proxy; returns what each asked for.
    fn suffices(&self, user: &str, rights: &Rights<'_>) -> Vec<BTreeSet<Asked>> {
        (rights.prepare)(self, user);
        let through = self.proxied();
        let commands = rights.commands.iter();
        commands
            .map(|(words, code)| {
                through.proxy.forget();
                let output = self.run_as(user, &through.kubeconfig, user, words).run();
                assert!(
                    !broke(&output, *code),
                    "the role does not suffice; expected exit code {code}\n{output}"
                );
                let log = through.proxy.log();
                log.iter().flat_map(asked).collect()
            })
            .collect()
    }

    /// Returns `kubectl WORDS` as somebody, by the kubeconfig and not by `--as`, which means
    /// something else to some commands.
    fn run_as(&self, user: &str, kubeconfig: &Path, name: &str, words: &str) -> Run {
        let config = kubeconfig.file_name().unwrap_or_default();
        let file = self.path(&format!("{user}-{}", config.to_string_lossy()));
        if !file.exists() {
            let view = self.admin("config view --raw -o json");
            let mut config = view.kubeconfig(kubeconfig).run().success().json();
            config["users"][0]["user"]["as"] = json!(user);
            fs::write(&file, config.to_string()).expect("the case's directory can be written");
        }
        let words = words.replace("{}", name);
        self.admin(&words).kubeconfig(&file)
    }

    /// Gives each user roles of its own, and waits until the API server knows of all.
    fn grant(&self, users: &[(String, Vec<Role>)]) {
        let label = &users[0].0;
        let mut items = Vec::new();
        for (user, roles) in users {
            for (number, role) in roles.iter().enumerate() {
                items.extend(objects(label, user, &format!("{user}-{number}"), role));
            }
        }
        // Objects of a kind are seen in the order in which they were made: these are the last.
        let last = self.name("last");
        let rules = vec![json!({"nonResourceURLs": ["/rights-test"], "verbs": ["get"]})];
        let mut marker = Role {
            name: last.clone(),
            namespace: None,
            rules,
        };
        items.extend(objects(label, &last, &last, &marker));
        let mut questions = vec!["/rights-test".to_owned()];
        let places = users.iter().flat_map(|(_, roles)| roles);
        let places: BTreeSet<&String> = places.filter_map(|role| role.namespace.as_ref()).collect();
        for place in places {
            marker.namespace = Some(place.clone());
            marker.rules =
                vec![json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]})];
            items.extend(objects(label, &last, &last, &marker));
            questions.push(format!("configmaps -n {place}"));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let create = self.admin("create --validate=false -f -").stdin(&list);
        create.run().success();
        for question in questions {
            let asked = format!("auth can-i get {question} --as={last}");
            eventually("the roles are known", || {
                self.admin(&asked).run().code == Some(0)
            });
        }
    }
}

/// Runs each list until something breaks; returns those where nothing does.
fn needless(runs: Vec<(String, Vec<(Run, i32)>)>) -> Vec<String> {
    let mut shares: Vec<Vec<_>> = (0..AT_ONCE).map(|_| Vec::new()).collect();
    for (number, run) in runs.into_iter().enumerate() {
        shares[number % AT_ONCE].push(run);
    }
    let of_share = |share: Vec<(String, Vec<(Run, i32)>)>| -> Vec<String> {
        let works = |(_, runs): &mut (String, Vec<(Run, i32)>)| {
            let mut runs = std::mem::take(runs).into_iter();
            runs.all(|(run, code)| !broke(&run.run(), code))
        };
        let mut found = Vec::new();
        for mut one in share {
            if works(&mut one) {
                found.push(one.0);
            }
        }
        found
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || of_share(share)))
            .collect();
        let found = threads.into_iter();
        found
            .flat_map(|thread| thread.join().expect("a share"))
            .collect()
    })
}

/// Whether a command ended otherwise than it should, or says that it may not see something.
fn broke(output: &Output, code: i32) -> bool {
    output.code != Some(code) || output.stderr.to_lowercase().contains("forbidden")
}

/// Reads the roles of a file of the documents, or of JSON as the server gives it.
fn read_roles(text: &str) -> Vec<Role> {
    let list: Value = serde_json::from_str(text).expect("roles as JSON");
    let items = list["items"].as_array().cloned().unwrap_or(vec![list]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    items
        .iter()
        .filter(|item| matches!(item["kind"].as_str(), Some("ClusterRole" | "Role")))
        .map(|item| Role {
            name: text(&item["metadata"]["name"]).expect("a name"),
            namespace: text(&item["metadata"]["namespace"]),
            rules: item["rules"].as_array().expect("rules").clone(),
        })
        .collect()
}

impl Suite {
    /// Reads a file of `docs/rights` as JSON.
    ///
    /// # Panics
    ///
    /// When kubectl does not take it.
    #[must_use]
    pub fn documented_rights(&self, file: &str) -> String {
        let path = workspace_root().join("docs/rights").join(file);
        let run = self
            .admin("create --dry-run=client -o json -f")
            .args([path]);
        let output = run.run();
        // kubectl prints one document after the other.
        let documents = serde_json::Deserializer::from_str(&output.success().stdout);
        let items: Vec<Value> = documents
            .into_iter::<Value>()
            .collect::<Result<_, _>>()
            .expect("JSON");
        json!({"kind": "List", "items": items}).to_string()
    }
}

fn rights_of(role: &Role, number: usize) -> Vec<Right> {
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().cloned().unwrap_or_default();
        let words = words.iter().filter_map(Value::as_str);
        words.map(str::to_owned).collect()
    };
    let mut rights = Vec::new();
    for (index, rule) in role.rules.iter().enumerate() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    let all = format!("{group} {resource} {verb}");
                    assert!(!all.contains('*'), "{} has a wildcard", role.name);
                    rights.push(Right {
                        role: number,
                        rule: index,
                        group: group.clone(),
                        resource: resource.clone(),
                        verb,
                    });
                }
            }
        }
    }
    rights
}

/// Returns the roles without one right: its rule keeps its other resources and verbs.
fn without(roles: &[Role], right: &Right) -> Vec<Role> {
    let mut roles = roles.to_vec();
    let rules = &mut roles[right.role].rules;
    let rule = rules.remove(right.rule);
    let except = |key: &str, what: &str| -> Value {
        let words = rule[key].as_array().expect("words").iter();
        words.filter(|word| *word != what).cloned().collect()
    };
    let resources = except("resources", &right.resource);
    if resources != json!([]) {
        let mut others = rule.clone();
        others["resources"] = resources;
        rules.push(others);
    }
    let verbs = except("verbs", &right.verb);
    if verbs != json!([]) {
        let mut own = rule.clone();
        own["resources"] = json!([right.resource]);
        own["verbs"] = verbs;
        rules.push(own);
    }
    roles
}

/// Returns a role and its binding to a user.
fn objects(label: &str, user: &str, name: &str, role: &Role) -> [Value; 2] {
    let kind = if role.namespace.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    let mut metadata = json!({"name": name, "labels": {LABEL: label}});
    if let Some(namespace) = &role.namespace {
        metadata["namespace"] = json!(namespace);
    }
    let api = format!("{GROUP}/v1");
    [
        json!({"apiVersion": api, "kind": kind, "metadata": metadata, "rules": role.rules}),
        json!({
            "apiVersion": api, "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
        }),
    ]
}

/// Returns what the authorizer was asked for a request; an apply that makes an object is two.
fn asked(entry: &Entry) -> Vec<Asked> {
    let mut parts = entry.path.split('/').filter(|part| !part.is_empty());
    let group = match parts.next() {
        Some("api") => "",
        Some("apis") => parts.next().unwrap_or_default(),
        _ => return Vec::new(),
    };
    let rest: Vec<&str> = parts.skip(1).collect();
    let rest = match rest.as_slice() {
        ["namespaces", _, inside, ..] if !["status", "finalize"].contains(inside) => &rest[2..],
        _ => &rest,
    };
    let (resource, named) = match rest {
        [] => return Vec::new(),
        [resource] => ((*resource).to_owned(), false),
        [resource, _] => ((*resource).to_owned(), true),
        [resource, _, sub, ..] => (format!("{resource}/{sub}"), true),
    };
    let watched = entry.query.contains("watch=true") || entry.query.contains("watch=1");
    let verbs: &[&str] = match (entry.method.as_str(), named) {
        ("GET", true) => &["get"],
        ("GET", false) if watched => &["watch"],
        ("GET", false) => &["list"],
        ("POST", _) => &["create"],
        ("PUT", _) => &["update"],
        ("PATCH", _) if entry.status == Some(201) => &["patch", "create"],
        ("PATCH", _) => &["patch"],
        ("DELETE", true) => &["delete"],
        ("DELETE", false) => &["deletecollection"],
        _ => &[],
    };
    let verbs = verbs.iter();
    verbs
        .map(|verb| ((*verb).to_owned(), group.to_owned(), resource.clone()))
        .collect()
}
