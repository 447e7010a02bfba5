//! What `kubectl rollout-canary promote`, `abort` and `resume` look at before they write: the rights
//! that their steps take, and what would be refused.

use std::collections::BTreeSet;

use harness::{Case, Need, Suite, Web};
use serde_json::{Value, json};

use crate::rollout_canary_harm::{Policy, TEAM};

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Controllers, Need::Sandbox];
    let routed = &[needs as &[Need], &[Need::RealNode, Need::Gateway]].concat();
    vec![
        Case::new(
            "promote_abort_and_resume_ask_for_the_rights_that_they_use_and_no_other",
            needs,
            rights,
        ),
        Case::new(
            "promote_and_abort_behind_a_route_ask_for_the_rights_that_they_use_and_no_other",
            routed,
            routes,
        ),
        Case::new(
            "a_promotion_that_its_dry_run_says_is_blocked_does_not_begin",
            needs,
            blocked,
        ),
        Case::new(
            "an_abort_is_kept_up_by_no_finding_and_says_what_stays",
            needs,
            kept,
        ),
        Case::new(
            "a_share_that_a_route_would_refuse_blocks_plan_and_start",
            routed,
            refused,
        ),
    ]
}

/// Verb, resource and name of a right, as a dry run prints it: `patch deployments.apps "web" in …`.
type Right = (String, String, String);

fn printed(run: &Value) -> BTreeSet<Right> {
    assert_eq!(run["rightsMissing"], json!([]), "{run}");
    let rights = run["rightsHeld"].as_array().expect("rights");
    rights
        .iter()
        .map(|right| {
            let right = right.as_str().expect("text");
            let mut words = right.split(' ');
            let verb = words.next().unwrap_or_default().to_owned();
            let resource = words.next().unwrap_or_default().to_owned();
            let name = right.split('"').nth(1).unwrap_or_default().to_owned();
            (verb, resource, name)
        })
        .collect()
}

/// The requests of a run as the rights that they take: every write, and every read of one object.
fn used(through: &harness::Proxied) -> BTreeSet<Right> {
    let log = through.proxy.log();
    let own = log
        .iter()
        .filter(|entry| entry.user_agent.starts_with("kubectl-rollout_canary/"));
    own.filter(|entry| {
        entry
            .status
            .is_some_and(|status| status < 400 || status == 404)
    })
    .filter(|entry| entry.method == "GET" || entry.is_write())
    .filter_map(|entry| {
        let parts: Vec<&str> = entry.path.trim_matches('/').split('/').collect();
        let (group, rest) = match parts.as_slice() {
            ["api", _, "namespaces", _, rest @ ..] => ("", rest),
            ["apis", group, _, "namespaces", _, rest @ ..] => (*group, rest),
            _ => return None,
        };
        let (plural, name) = (*rest.first()?, rest.get(1).copied().unwrap_or_default());
        let verb = match (entry.method.as_str(), name) {
            ("GET", "") if entry.query.contains("watch=") => "watch",
            ("GET", "") => "list",
            ("GET", _) => "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            (_, _) => "delete",
        };
        let dot = if group.is_empty() { "" } else { "." };
        let resource = format!("{plural}{dot}{group}");
        Some((verb.to_owned(), resource, name.to_owned()))
    })
    .collect()
}

/// What a run may do without: it sees less then.
fn is_optional((verb, resource, _): &Right) -> bool {
    let seen = [
        "services",
        "resourcequotas",
        "events",
        "ingresses.networking.k8s.io",
        "backendtlspolicies.gateway.networking.k8s.io",
        "httproutes.gateway.networking.k8s.io",
        "grpcroutes.gateway.networking.k8s.io",
        "tcproutes.gateway.networking.k8s.io",
        "tlsroutes.gateway.networking.k8s.io",
        "udproutes.gateway.networking.k8s.io",
    ];
    verb == "list" && seen.contains(&resource.as_str())
}

/// Compares the rights of a command's dry run with the requests of the run after it.
#[track_caller]
fn same(web: &Web<'_>, words: &str) {
    let through = web.suite().proxied();
    let dry = web.canary(&format!("{words} --dry-run -o json")).run();
    let asked = printed(&dry.success().json());
    web.canary(words)
        .kubeconfig(&through.kubeconfig)
        .run()
        .success();
    let used = used(&through);
    let writes = |rights: &BTreeSet<Right>| -> BTreeSet<Right> {
        let reads = ["get", "list", "watch"];
        let is_write = |right: &&Right| !reads.contains(&right.0.as_str());
        rights.iter().filter(is_write).cloned().collect()
    };
    assert_eq!(writes(&used), writes(&asked), "{words}");
    // A list of one object by name is a list; the first look and the watch are one request.
    let needless = |right: &Right| {
        let (verb, resource, name) = right;
        let unnamed = (verb.clone(), resource.clone(), String::new());
        let whole = name == "web" && asked.contains(right);
        let named = (verb.clone(), resource.clone(), "web".to_owned());
        is_optional(right)
            || asked.contains(right)
            || asked.contains(&unnamed)
            || whole
            || (resource == "deployments.apps" && asked.contains(&named))
    };
    let unasked: Vec<&Right> = used.iter().filter(|right| !needless(right)).collect();
    assert!(
        unasked.is_empty(),
        "{words}: not asked for {unasked:?}\n{asked:#?}"
    );
}

fn rights(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    web.start("25%").success();
    same(&web, "resume web");
    same(&web, "promote web");
    web.canary("web 25% --image web=sandbox.local/sim:3")
        .run()
        .success();
    same(&web, "abort web");
    web.is_clean();
    // A right that is missing is named before anything is written, by the dry run and the run alike.
    web.canary("web 25% --image web=sandbox.local/sim:3")
        .run()
        .success();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "reader", "namespace": web.namespace},
        "rules": [
            {"apiGroups": ["apps"], "resources": ["deployments", "replicasets"],
             "verbs": ["get", "list", "watch", "patch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "update"]}]});
    let user = format!("reader-{}", web.namespace);
    web.kubectl("create -f -")
        .stdin(&role.to_string())
        .run()
        .success();
    let bind = format!("create rolebinding reader --role=reader --user={user}");
    web.kubectl(&bind).run().success();
    let before = (web.deployment(), web.get("configmap rollout-canary.web"));
    for words in [
        "promote web",
        "abort web",
        "promote web --dry-run",
        "abort web --dry-run=server",
    ] {
        let run = web.canary(&format!("{words} --as {user}")).run();
        run.code(3)
            .says("missing permission: delete configmaps \"rollout-canary.web\"");
    }
    let after = (web.deployment(), web.get("configmap rollout-canary.web"));
    assert_eq!(after, before);
    web.aborts();
}

fn routes(suite: &Suite) {
    let web = suite.serving(4);
    let _way = web.route();
    let image = "--traffic gateway --restart";
    let canary = |words: &str| web.canary(words);
    canary(&format!("web 40% {image}")).run().success();
    same(&web, "abort web");
    canary(&format!("web 40% {image}")).run().success();
    same(&web, "promote web");
    web.is_clean();
}

fn blocked(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let mut manifest = web.manifest(4, Value::Null, "sandbox.local/sim:1");
    manifest["spec"]["template"]["metadata"]["labels"]["version"] = json!("1");
    web.apply(&manifest);
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    let patch = r#"{"spec":{"template":{"metadata":{"labels":{"version":"2"}}}}}"#;
    web.canary("web 25%")
        .args(["--patch", patch])
        .run()
        .success();
    // The Service comes after the canary.
    web.apply(&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "web", "namespace": web.namespace},
        "spec": {"selector": {"app": "web", "version": "1"}, "ports": [{"port": 80}]}}));
    let before = web.deployment()["metadata"]["generation"].clone();
    for words in [
        "promote web --dry-run",
        "promote web --dry-run=server",
        "promote web",
    ] {
        let run = web.canary(words).run();
        run.code(3)
            .says("blocked: service/web selects the stable pods but not the canary")
            .says("--accept-no-traffic");
    }
    assert_eq!(web.deployment()["metadata"]["generation"], before);
    // A policy that came meanwhile is named by what it changes.
    let policy = Policy::changes(&web, "deployments", TEAM);
    for words in [
        "promote web --accept-no-traffic --dry-run",
        "promote web --accept-no-traffic",
    ] {
        let run = web.canary(words).run();
        run.code(3).says("would be changed by admission");
    }
    drop(policy);
    std::thread::sleep(std::time::Duration::from_secs(3));
    web.canary("promote web --accept-no-traffic")
        .run()
        .success()
        .says("note: service/web selects the stable pods but not the canary");
    web.is_clean();
}

fn kept(suite: &Suite) {
    let web = suite.web(4, Value::Null);
    let label = "label deployment web argocd.argoproj.io/instance=shop";
    web.kubectl(label).run().success();
    web.start("25%")
        .success()
        .says("managedFieldsManagers: [groundcrew-rollout-canary]");
    web.kubectl("set image deployment/web web=sandbox.local/sim:3")
        .run()
        .success();
    let told = "the template that came meanwhile (web=sandbox.local/sim:3) is kept, because Argo CD \
         manages this Deployment";
    web.canary("abort web --dry-run").run().success().says(told);
    web.canary("abort web")
        .run()
        .success()
        .says(told)
        .answers("web=sandbox.local/sim:3");
    web.kubectl("rollout status deployment/web --timeout=90s")
        .run()
        .success();
    assert_eq!(web.sizes(), [("3".to_owned(), 4)].into());
    web.is_clean();
}

fn refused(suite: &Suite) {
    let web = suite.serving(4);
    let _way = web.route();
    // Sixteen backends are all that a rule may have.
    let others: Vec<Value> = (0..15)
        .map(|n| json!({"name": format!("other-{n}"), "port": 80, "weight": 0}))
        .collect();
    let route = web.get("httproute web").expect("the route");
    let mut backends = route["spec"]["rules"][0]["backendRefs"]
        .as_array()
        .cloned()
        .expect("backends");
    backends.extend(others);
    let patch = json!([{"op": "replace", "path": "/spec/rules/0/backendRefs", "value": backends}]);
    web.kubectl("patch httproute web --type=json")
        .args(["-p", &patch.to_string()])
        .run()
        .success();
    let before = web.deployment()["metadata"]["generation"].clone();
    for words in [
        "plan web 40% --traffic gateway --restart",
        "web 40% --traffic gateway --restart",
    ] {
        let run = web.canary(words).run();
        run.code(3);
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(
            text.contains("httproute/web the canary's share of the requests would be refused"),
            "{text}"
        );
    }
    assert_eq!(web.deployment()["metadata"]["generation"], before);
    web.is_clean();
}
