//! `kubectl can-i-audit` when not everything can be read: without rights, and when lists fail.

use std::collections::BTreeSet;

use harness::{Case, Entry, Fault, Match, Need, Output, Rule, Suite};
use serde_json::{Value, json};

use crate::can_i_audit::{EXPECTATIONS, apply, object};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster];
    let faults = &[Need::Plugins, Need::Sandbox];
    vec![
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
        Case::new(
            "a_list_that_the_server_forgets_is_begun_again",
            faults,
            forgotten_list,
        ),
        Case::new("a_busy_server_is_waited_for", faults, busy),
        Case::new(
            "a_list_that_dies_on_page_7_leaves_the_answer_open",
            faults,
            broken_list,
        ),
        Case::new(
            "every_list_is_of_the_moment_of_the_first",
            faults,
            one_moment,
        ),
        Case::new(
            "a_list_whose_moment_is_gone_is_read_as_it_is_now",
            faults,
            refused_moment,
        ),
    ]
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
    assert_eq!(answer["unseen"][0]["what"], "clusterrolebindings");
    // What is granted in the namespace is still known; what was not read is not denied.
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
        .says("cannot list bindings or roles")
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

/// Objects of one answer in these cases, so that few bindings make many pages.
const CHUNK: &str = "--chunk-size 10";
/// Bindings for eight pages.
const MANY: usize = 75;

fn many_bindings(suite: &Suite, namespace: &str) {
    suite
        .admin(&format!("create namespace {namespace}"))
        .run()
        .success();
    let place = namespace.to_owned();
    let rules = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
    let role = object(Some(&place), "Role", "reader", &json!({"rules": rules}));
    let bindings = (0..MANY)
        .map(|number| {
            let body = json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
                "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": format!("u{number}")}],
            });
            object(Some(&place), "RoleBinding", &format!("many-{number}"), &body)
        });
    let items: Vec<Value> = std::iter::once(role).chain(bindings).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let file = suite.file("many.json", &list);
    suite
        .admin("create --validate=false -f")
        .args([&file])
        .run()
        .success();
}

/// Runs through the proxy as somebody who may list in one namespace alone, so that the pages are
/// those of the case's own bindings, whatever else is in the cluster. Returns the paths of the
/// lists of RoleBindings that were asked for there.
fn through(suite: &Suite, rule: Option<Rule>, words: &str) -> (Output, Vec<String>) {
    let through = suite.proxied();
    if let Some(rule) = rule {
        through.proxy.add(rule);
    }
    let output = suite
        .admin(&format!("can-i-audit {words}"))
        .kubeconfig(&through.kubeconfig)
        .run();
    let log = through.proxy.log();
    let lists = log
        .iter()
        .map(asked)
        .filter(|path| path.contains("/rolebindings?"));
    (output, lists.collect())
}

/// Path and query of a request.
fn asked(sent: &Entry) -> String {
    format!("{}?{}", sent.path, sent.query)
}

/// Somebody who may list roles and bindings of one namespace, which has many of them.
fn local(suite: &Suite) -> String {
    let name = suite.name("pages");
    many_bindings(suite, &name);
    auditor(suite, &name, "roles, rolebindings", Some(&name));
    name
}

fn inside(lists: &[String], namespace: &str) -> Vec<String> {
    let part = format!("/namespaces/{namespace}/");
    let own = lists.iter().filter(|path| path.contains(&part));
    // The first one asks for one object, to learn the revision.
    own.filter(|path| path.contains("limit=10"))
        .cloned()
        .collect()
}

fn later_page(namespace: &str) -> Match {
    Match {
        path: Some(format!(
            "/namespaces/{namespace}/rolebindings?limit=10&continue="
        )),
        ..Match::default()
    }
}

fn forgotten_list(suite: &Suite) {
    let name = local(suite);
    let words = format!("who get pods -n {name} -o name --as {name} {CHUNK}");
    let gone = Fault::Answer {
        code: 410,
        reason: "Expired",
        retry_after: None,
    };
    let (whole, lists) = through(suite, None, &words);
    let lists = inside(&lists, &name);
    let rule = Rule::once(later_page(&name), gone);
    let (again, more) = through(suite, Some(rule), &words);
    let more = inside(&more, &name);
    assert_eq!(whole.code(4).stdout, again.code(4).stdout);
    assert!(whole.stdout.lines().count() > MANY, "{whole}");
    assert_eq!(lists.len(), 8, "{lists:#?}");
    // The first page and the one that failed are asked for again.
    assert_eq!(more.len(), lists.len() + 2, "{more:#?}");
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
    assert!(lists.len() >= 3, "{lists:?}");
}

/// Answers the seventh page of the list with `fault`, as often as it is asked for.
fn seventh_page(suite: &Suite, name: &str, fault: Fault, words: &str) -> (Output, usize) {
    let through = suite.proxied();
    // Rules are used up in order: pages two to six pass with a pause of nothing.
    let pass = Fault::Delay(std::time::Duration::ZERO);
    through.proxy.add(Rule::times(5, later_page(name), pass));
    through.proxy.add(Rule::times(500, later_page(name), fault));
    let output = suite
        .admin(&format!("can-i-audit {words} --as {name} {CHUNK}"))
        .kubeconfig(&through.kubeconfig)
        .run();
    let log = through.proxy.log();
    let own = format!("/namespaces/{name}/rolebindings?limit=10");
    let pages = log.iter().map(asked).filter(|path| path.contains(&own));
    (output, pages.count())
}

fn broken_list(suite: &Suite) {
    let name = local(suite);
    let faults = [
        Fault::Answer {
            code: 500,
            reason: "InternalError",
            retry_after: None,
        },
        Fault::CutBody(1_000),
        Fault::CutBefore,
    ];
    for fault in faults {
        let shown = format!("{fault:?}");
        let words = format!("why user:nobody get pods -n {name}");
        let (output, pages) = seventh_page(suite, &name, fault, &words);
        output
            .code(4)
            .answers("unknown")
            .says("not read: rolebindings");
        assert!(pages >= 7, "{shown}: {pages}");
    }
    // What the first pages hold is still an answer.
    let words = format!("why user:u0 get pods -n {name}");
    let (output, _) = seventh_page(suite, &name, Fault::CutBefore, &words);
    output
        .code(0)
        .answers("allowed")
        .says("not read: rolebindings");
}

fn one_moment(suite: &Suite) {
    let through = suite.proxied();
    let file = suite.path("moment.json");
    let output = suite
        .admin("can-i-audit snapshot -o")
        .args([&file])
        .kubeconfig(&through.kubeconfig)
        .run();
    output.success();
    let text = std::fs::read_to_string(&file).expect("the snapshot");
    let snapshot: Value = serde_json::from_str(&text).expect("JSON");
    let versions = snapshot["resourceVersions"].as_object().expect("versions");
    assert_eq!(versions.len(), 6, "{versions:?}");
    let first = versions["clusterroles"].clone();
    // A server under load may have no answer for that moment; then it is told.
    let same = versions.values().all(|one| *one == first);
    assert_eq!(
        same,
        !output.stderr.contains("different moments"),
        "{output}"
    );
    let log = through.proxy.log();
    let exact: BTreeSet<&str> = log
        .iter()
        .filter(|sent| sent.query.contains("resourceVersionMatch=Exact"))
        .map(|sent| sent.path.as_str())
        .collect();
    assert_eq!(exact.len(), 6, "{exact:?}");
}

fn refused_moment(suite: &Suite) {
    let through = suite.proxied();
    let on = Match {
        path: Some("/rolebindings?limit=500&resourceVersion=".to_owned()),
        ..Match::default()
    };
    let too_old = Fault::Answer {
        code: 410,
        reason: "Expired",
        retry_after: None,
    };
    through.proxy.add(Rule::once(on, too_old));
    let run = suite
        .admin("can-i-audit who get pods -o name")
        .kubeconfig(&through.kubeconfig)
        .run();
    run.success();
    let log = through.proxy.log();
    let lists = log.iter().map(asked);
    let exact: Vec<bool> = lists
        .filter(|path| path.contains("/rolebindings?limit=500"))
        .map(|path| path.contains("Exact"))
        .collect();
    assert_eq!(exact[..2], [true, false], "{exact:?}");
}
