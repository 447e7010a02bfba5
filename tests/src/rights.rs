//! Roles from the documents, tried out: whether they suffice, and whether each right is needed.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use fault_proxy::Entry;
use groundcrew_sandbox::layout::workspace_root;
use serde_json::{Value, json};

use crate::command::{Output, Run, at_once};
use crate::suite::{Suite, eventually};

const GROUP: &str = "rbac.authorization.k8s.io";
/// Label of everything that is made here.
const LABEL: &str = "groundcrew.dev/rights-test";
/// Users that try out what they lack at the same time.
const AT_ONCE: usize = 3;

/// Roles, and the commands that they are for.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'a> {
    /// The roles by name, ClusterRole and Role, of which each right is tried.
    pub roles: &'a [&'a str],
    /// Those that are there beside them.
    pub beside: &'a [&'a str],
    /// Rights that no request of these commands need use, because it takes what a test cannot
    /// have or others in the cluster decide it.
    pub unused: &'a [&'a str],
    /// Rights without which every command works as well, and why they are given all the same is
    /// said where this is stated.
    pub spare: &'a [&'a str],
    /// Command lines after `kubectl`, in order, with the exit code of each. `{}` and `{2}` are
    /// names that nobody else has. A command whose end depends on what else is in the cluster has
    /// the code [`Rights::ANY_END`]: it is to say that something is "missing" or what the user "lacks".
    pub commands: &'a [(&'a str, i32)],
    /// How they are tried without a right.
    pub order: Order,
    /// What the admin does first for two names.
    pub prepare: fn(&Suite, &[String; 2]),
    /// What the admin does when every command went through, before rights are taken away.
    pub restore: fn(&Suite),
}

impl Rights<'_> {
    /// The exit code is not looked at.
    pub const ANY_END: i32 = -1;

    /// No roles and no commands, to begin with.
    pub const NOTHING: Rights<'static> = Rights {
        roles: &[],
        beside: &[],
        unused: &[],
        spare: &[],
        commands: &[],
        order: Order::Any,
        prepare: |_, _| {},
        restore: |_| {},
    };
}

/// How commands are tried without a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Each can be run without those before it and leaves all as it was: one name is used by all,
    /// and those that use the right are run.
    Any,
    /// The first one writes nothing and names what is missing: it is run, for one name.
    FirstTells,
    /// All in turn until one breaks, each time for a name of its own.
    InTurn,
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
    namespace: Option<String>,
    /// The rule cut down to it.
    rule: Value,
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
            ..
        } = self;
        let dot = if group.is_empty() { "" } else { "." };
        write!(f, "{verb} {resource}{dot}{group}")
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
        let of = |names: &[&str]| -> Vec<Right> {
            let is = |role: &&Role| names.contains(&role.name.as_str());
            documented.iter().filter(is).flat_map(rights_of).collect()
        };
        let (all, beside) = (of(rights.roles), of(rights.beside));
        assert!(!all.is_empty(), "{:?} give nothing", rights.roles);
        let whole = self.name("whole");
        let users: Vec<String> = (0..all.len())
            .map(|n| format!("{whole}-lacks-{n}"))
            .collect();
        let trial = || {
            self.grant(&whole, &users, &all, &beside);
            self.needless(&whole, &users, &all, rights)
        };
        let needless = catch_unwind(AssertUnwindSafe(trial));
        // Also of a trial that failed: these are rights of some weight.
        let delete = format!(
            "delete clusterroles,clusterrolebindings,roles,rolebindings -A -l {LABEL}={whole}"
        );
        self.admin(&delete).run().success();
        let needless = needless.unwrap_or_else(|panic| resume_unwind(panic));
        assert_eq!(
            needless, rights.spare,
            "without these every command works as well"
        );
    }

    /// Tries everything with all rights, and then without each; returns those that nothing needs.
    fn needless(
        &self,
        whole: &str,
        users: &[String],
        all: &[Right],
        rights: &Rights<'_>,
    ) -> Vec<String> {
        let names = self.two_names();
        let used = self.suffices(whole, &names, rights);
        (rights.restore)(self);
        let never: Vec<String> = all
            .iter()
            .filter(|right| !right.is_asked_beside_a_request())
            .filter(|right| {
                let asked = (&right.verb, &right.group, &right.resource);
                let mut requests = used.iter().flatten();
                !requests.any(|(verb, group, resource)| (verb, group, resource) == asked)
            })
            .map(ToString::to_string)
            .collect();
        let unstated: Vec<&String> = never
            .iter()
            .filter(|right| !rights.unused.contains(&right.as_str()))
            .collect();
        assert!(
            unstated.is_empty(),
            "no request of a command uses {unstated:?}"
        );
        let lacking = all.iter().zip(users);
        let runs = lacking
            .map(|(right, user)| {
                let names = if rights.order == Order::InTurn {
                    let own = self.two_names();
                    (rights.prepare)(self, &own);
                    own
                } else {
                    names.clone()
                };
                let asked = (&right.verb, &right.group, &right.resource);
                let uses = |number: usize| {
                    let used = &used[number];
                    used.iter().any(|(v, g, r)| (v, g, r) == asked)
                };
                let any = (0..used.len()).any(uses);
                let commands = rights.commands.iter().enumerate();
                let runs = commands
                    .filter(|(number, _)| match rights.order {
                        Order::Any => !any || uses(*number),
                        Order::FirstTells => *number == 0,
                        Order::InTurn => true,
                    })
                    .map(|(_, (words, code))| {
                        let kubeconfig = self.cluster().kubeconfig();
                        (self.run_as(user, kubeconfig, &names, words), *code)
                    });
                (right.to_string(), runs.collect())
            })
            .collect();
        needless(runs)
    }

    fn two_names(&self) -> [String; 2] {
        [self.name("one"), self.name("two")]
    }

    /// Runs every command with all rights, through the proxy; returns what each asked for.
    fn suffices(
        &self,
        user: &str,
        names: &[String; 2],
        rights: &Rights<'_>,
    ) -> Vec<BTreeSet<Asked>> {
        (rights.prepare)(self, names);
        let through = self.proxied();
        let commands = rights.commands.iter();
        commands
            .map(|(words, code)| {
                through.proxy.forget();
                let output = self.run_as(user, &through.kubeconfig, names, words).run();
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
    fn run_as(&self, user: &str, kubeconfig: &Path, names: &[String; 2], words: &str) -> Run {
        let config = kubeconfig.file_name().unwrap_or_default();
        let file = self.path(&format!("{user}-{}", config.to_string_lossy()));
        if !file.exists() {
            let view = self.admin("config view --raw -o json");
            let mut config = view.kubeconfig(kubeconfig).run().success().json();
            config["users"][0]["user"]["as"] = json!(user);
            fs::write(&file, config.to_string()).expect("the case's directory can be written");
        }
        let words = words.replace("{}", &names[0]).replace("{2}", &names[1]);
        self.admin(&words).kubeconfig(&file)
    }

    /// Gives `whole` every right and each of the others all but one, and waits until the API
    /// server knows.
    ///
    /// Each right is a role of its own, bound to everybody but the one who lacks it.
    fn grant(&self, whole: &str, users: &[String], all: &[Right], beside: &[Right]) {
        let mut items = Vec::new();
        for (number, right) in all.iter().chain(beside).enumerate() {
            let lacks = users.get(number);
            let has = |user: &&String| Some(*user) != lacks;
            let mut subjects: Vec<&str> = vec![whole];
            subjects.extend(users.iter().filter(has).map(String::as_str));
            items.push(objects(
                whole,
                &format!("{whole}-{number}"),
                right,
                &subjects,
            ));
        }
        let places: BTreeSet<&String> = all
            .iter()
            .chain(beside)
            .filter_map(|right| right.namespace.as_ref())
            .collect();
        for place in &places {
            // Whoever is first makes it.
            let _ = self.admin(&format!("create namespace {place}")).run();
        }
        let create = |items: &[[Value; 2]]| {
            let items: Vec<&Value> = items.iter().flatten().collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
            self.admin("create --validate=false -f -").stdin(&list)
        };
        let share = items.len().div_ceil(AT_ONCE);
        for output in at_once(items.chunks(share).map(create).collect()) {
            output.success();
        }
        // Objects of a kind are seen in the order in which they were made: these are the last.
        let last = self.name("last");
        let mut markers = Vec::new();
        let mut questions = Vec::new();
        for place in std::iter::once(None).chain(places.into_iter().map(Some)) {
            let right = Right {
                namespace: place.cloned(),
                rule: json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}),
                group: String::new(),
                resource: "configmaps".to_owned(),
                verb: "get".to_owned(),
            };
            let user = format!("{last}-{}", markers.len());
            markers.push(objects(whole, &last, &right, &[&user]));
            let inside = place.map_or_else(|| "-A".to_owned(), |place| format!("-n {place}"));
            questions.push(format!("auth can-i get configmaps {inside} --as={user}"));
        }
        create(&markers).run().success();
        for question in questions {
            eventually("the roles are known", || {
                self.admin(&question).run().code == Some(0)
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
    if code == Rights::ANY_END {
        let told = ["missing", " lacks "];
        return told.iter().any(|word| output.stdout.contains(word));
    }
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

fn rights_of(role: &Role) -> Vec<Right> {
    let words = |value: &Value| -> Vec<String> {
        let words = value.as_array().cloned().unwrap_or_default();
        let words = words.iter().filter_map(Value::as_str);
        words.map(str::to_owned).collect()
    };
    let mut rights = Vec::new();
    for rule in &role.rules {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                for verb in words(&rule["verbs"]) {
                    let all = format!("{group} {resource} {verb}");
                    assert!(!all.contains('*'), "{} has a wildcard", role.name);
                    let mut rule = rule.clone();
                    rule["apiGroups"] = json!([group]);
                    rule["resources"] = json!([resource]);
                    rule["verbs"] = json!([verb]);
                    rights.push(Right {
                        namespace: role.namespace.clone(),
                        rule,
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

/// Returns a role with one right, and its binding to users.
fn objects(label: &str, name: &str, right: &Right, users: &[&str]) -> [Value; 2] {
    let kind = if right.namespace.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    let mut metadata = json!({"name": name, "labels": {LABEL: label}});
    if let Some(namespace) = &right.namespace {
        metadata["namespace"] = json!(namespace);
    }
    let api = format!("{GROUP}/v1");
    let subject = |user: &&str| json!({"apiGroup": GROUP, "kind": "User", "name": user});
    let subjects: Vec<Value> = users.iter().map(subject).collect();
    [
        json!({"apiVersion": api, "kind": kind, "metadata": metadata, "rules": [right.rule]}),
        json!({
            "apiVersion": api, "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name}, "subjects": subjects,
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
