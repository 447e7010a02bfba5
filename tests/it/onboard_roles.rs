//! Another role for a user who has one: nobody is ever without rights in between.

use std::path::Path;
use std::time::Duration;

use harness::{Case, Fault, Match, Need, Output, Rule, Suite, eventually};
use serde_json::Value;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[
        Need::Plugins,
        Need::Signer,
        Need::Controllers,
        Need::Sandbox,
    ];
    vec![
        Case::new(
            "another_role_is_given_before_the_old_one_is_taken",
            needs,
            no_gap,
        ),
        Case::new("a_role_that_is_refused_leaves_the_old_one", needs, refused),
        Case::new("a_change_that_fails_anywhere_leaves_a_role", needs, fails),
        Case::new(
            "a_change_that_dies_anywhere_is_finished_by_the_next_run",
            needs,
            dies,
        ),
        Case::new("an_interrupt_puts_the_old_role_back", needs, interrupted),
    ]
}

/// Returns the roles that bindings give the user in a namespace, by the binding's name.
fn roles(suite: &Suite, user: &str, namespace: &str) -> Vec<String> {
    let all = suite
        .get(&format!("rolebindings -n {namespace}"))
        .unwrap_or_default();
    let items = all["items"].as_array().cloned().unwrap_or_default();
    let group = format!("onboard:{user}:g");
    let theirs = items.iter().filter(|item| {
        let mut subjects = item["subjects"].as_array().into_iter().flatten();
        subjects.any(|subject| {
            subject["name"]
                .as_str()
                .is_some_and(|name| name.starts_with(&group))
        })
    });
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    theirs
        .map(|item| {
            let name = text(&item["metadata"]["name"]);
            format!("{name} {}", text(&item["roleRef"]["name"]))
        })
        .collect()
}

/// Onboards a user with a role in another namespace as well; returns the name and the namespace.
fn joined(suite: &Suite, role: &str) -> (String, String) {
    let (name, shop) = (suite.name("changer"), suite.name("shop"));
    suite
        .admin(&format!("create namespace {shop}"))
        .run()
        .success();
    let run = suite
        .onboard(&name)
        .args(["--join", &format!("{shop}:{role}")]);
    run.run().success();
    (name, shop)
}

fn join(suite: &Suite, kubeconfig: &Path, name: &str, place: &str) -> Output {
    let run = suite.admin(&format!("onboard join {name} {place}"));
    run.kubeconfig(kubeconfig).run()
}

fn no_gap(suite: &Suite) {
    let (name, shop) = joined(suite, "view");
    let through = suite.proxied();
    // Every write takes its time, so that a gap would be seen.
    for method in ["POST", "DELETE"] {
        let slow = Match {
            method: Some(method.parse().expect("a method")),
            path: Some("/rolebindings".to_owned()),
            ..Match::default()
        };
        let late = Fault::Delay(Duration::from_millis(800));
        through.proxy.add(Rule::times(100, slow, late));
    }
    for role in ["edit", "view"] {
        let place = format!("{shop}:{role}");
        let (output, seen) = std::thread::scope(|scope| {
            let run = suite.admin(&format!("onboard join {name} {place}"));
            let run = run.kubeconfig(&through.kubeconfig);
            let run = scope.spawn(|| run.run());
            let mut seen = Vec::new();
            while !run.is_finished() {
                seen.push(suite.as_user(&name, &format!("get pods -n {shop}")));
            }
            (run.join().expect("the admin"), seen)
        });
        output.success().says("replaced");
        assert!(seen.len() > 5, "{}", seen.len());
        for answer in seen {
            answer.success();
        }
        assert_eq!(
            roles(suite, &name, &shop),
            [format!("onboard-{name} {role}")]
        );
    }
}

fn refused(suite: &Suite) {
    let (name, shop) = joined(suite, "view");
    let policy = serde_json::json!({
        "apiVersion": "v1",
        "kind": "List",
        "items": [{
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": shop},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["rbac.authorization.k8s.io"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["rolebindings"],
                }]},
                "validations": [{
                    "expression": "object.roleRef.name != 'edit'",
                    "message": "edit only by ticket",
                }],
            },
        }, {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": shop},
            "spec": {
                "policyName": shop,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchExpressions": [{
                    "key": "kubernetes.io/metadata.name",
                    "operator": "In",
                    "values": [shop],
                }]}},
            },
        }],
    });
    let file = suite.file("policy.json", &policy.to_string());
    suite.admin("apply -f").args([&file]).run().success();
    let trial =
        format!("create rolebinding trial --clusterrole=edit --user=x -n {shop} --dry-run=server");
    eventually("the policy holds", || {
        suite.admin(&trial).run().code != Some(0)
    });
    let before = (suite.record(&name), roles(suite, &name, &shop));
    let output = suite
        .admin(&format!("onboard join {name} {shop}:edit"))
        .run();
    output
        .code(1)
        .says("edit only by ticket")
        .says(&format!("{name} still has role view in namespace {shop}"));
    assert_eq!((suite.record(&name), roles(suite, &name, &shop)), before);
    suite
        .as_user(&name, &format!("get pods -n {shop}"))
        .success();
    let dry = suite.admin(&format!("onboard join {name} {shop}:edit --dry-run=server"));
    dry.run().code(1).says("edit only by ticket");
    suite.admin("delete -f").args([&file]).run().success();
}

fn fails(suite: &Suite) {
    let (name, shop) = joined(suite, "view");
    let through = suite.proxied();
    let refusal = Fault::Answer {
        code: 403,
        reason: "Forbidden",
        retry_after: None,
    };
    for k in 1.. {
        let write = Match {
            write: Some(k),
            ..Match::default()
        };
        through.proxy.heal();
        through.proxy.forget();
        through.proxy.add(Rule::once(write, refusal.clone()));
        let output = join(suite, &through.kubeconfig, &name, &format!("{shop}:edit"));
        suite
            .as_user(&name, &format!("get pods -n {shop}"))
            .success();
        if output.code == Some(0) {
            assert!(k > 4, "{k}\n{output}");
            break;
        }
        let record = suite.record(&name);
        assert_eq!(record["replacing"], Value::Null, "write {k}\n{output}");
        let left = roles(suite, &name, &shop);
        assert_eq!(
            left,
            [format!("onboard-{name} view")],
            "write {k}\n{output}"
        );
    }
    assert_eq!(roles(suite, &name, &shop), [format!("onboard-{name} edit")]);
}

fn dies(suite: &Suite) {
    let (name, shop) = joined(suite, "view");
    let through = suite.proxied();
    let faults = [Fault::DieBefore, Fault::DieAfter];
    for (k, fault) in (1..).flat_map(|k| faults.clone().map(|fault| (k, fault))) {
        through.proxy.forget();
        let write = Match {
            write: Some(k),
            ..Match::default()
        };
        through.proxy.add(Rule::once(write, fault.clone()));
        let run = suite.admin(&format!("onboard join {name} {shop}:edit"));
        let broken = run.kubeconfig(&through.kubeconfig).run();
        let log = through.proxy.log();
        let spared = log.iter().filter(|sent| sent.is_write()).count() < k;
        through.proxy.heal();
        let what = format!("{fault:?} at write {k}\n{broken}");
        let works = suite.as_user(&name, &format!("get pods -n {shop}"));
        assert_eq!(works.code, Some(0), "{what}");
        let again = join(suite, &through.kubeconfig, &name, &format!("{shop}:edit"));
        assert_eq!(again.code, Some(0), "{what}\n{again}");
        let left = roles(suite, &name, &shop);
        assert_eq!(left, [format!("onboard-{name} edit")], "{what}\n{again}");
        if spared {
            assert!(k > 5, "{k}");
            break;
        }
        let back = join(suite, &through.kubeconfig, &name, &format!("{shop}:view"));
        assert_eq!(back.code, Some(0), "{what}\n{back}");
        let left = roles(suite, &name, &shop);
        assert_eq!(left, [format!("onboard-{name} view")], "{what}\n{back}");
    }
}

fn interrupted(suite: &Suite) {
    let (name, shop) = joined(suite, "view");
    let through = suite.proxied();
    let slow = Match {
        method: Some("DELETE".parse().expect("a method")),
        path: Some("/rolebindings".to_owned()),
        ..Match::default()
    };
    let late = Fault::Delay(Duration::from_secs(2));
    through.proxy.add(Rule::once(slow, late));
    let run = suite.admin(&format!("onboard join {name} {shop}:edit"));
    let output = run.kubeconfig(&through.kubeconfig).interrupt_when(|| {
        let log = through.proxy.log();
        log.iter()
            .any(|sent| sent.method == "DELETE" && sent.path.contains("/rolebindings"))
    });
    output.code(130).says("gives view again");
    assert_eq!(roles(suite, &name, &shop), [format!("onboard-{name} view")]);
    assert_eq!(suite.record(&name)["replacing"], Value::Null);
    suite
        .as_user(&name, &format!("get pods -n {shop}"))
        .success();
}
