//! `kubectl can-i-audit`: what people type, and that it is answered for what was meant or not at all.

use harness::{Case, Need, Suite};

use crate::can_i_audit::apply;

pub(crate) fn cases() -> Vec<Case> {
    let needs = &[Need::Plugins, Need::Cluster];
    vec![
        Case::new("a_question_is_read_as_people_put_it", needs, read),
        Case::new("a_word_that_nothing_knows_is_no_answer", needs, unknown),
        Case::new("who_was_onboarded_is_no_high_risk", needs, onboarded),
    ]
}

/// A namespace with an account that reads Secrets there, and a user of the same right.
fn prepared(suite: &Suite) -> String {
    let name = suite.name("words");
    apply(
        suite,
        &format!(
            "
apiVersion: v1
kind: Namespace
metadata: {{name: {name}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: robot-{name}, namespace: {name}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: r, namespace: {name}}}
rules:
- {{verbs: [get], apiGroups: [''], resources: [secrets], resourceNames: [db]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: b, namespace: {name}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}}
subjects:
- {{kind: ServiceAccount, name: robot-{name}}}
- {{kind: User, apiGroup: rbac.authorization.k8s.io, name: 'oidc:{name}@example.com'}}
"
        ),
    );
    name
}

fn read(suite: &Suite) {
    let name = prepared(suite);
    let ask = |words: &str| suite.admin(&format!("can-i-audit {words}")).run();
    let account = format!("sa:{name}/robot-{name}");
    for words in [
        format!("who get secret db -n {name}"),
        format!("who can get secrets db -n {name}"),
        format!("who get secrets --name db -n {name}"),
        "who get secrets db -A".to_owned(),
        "who can get secrets db --all-namespaces".to_owned(),
    ] {
        ask(&words).success().answers(&account);
    }
    // The place comes before the answer, so that one namespace is not taken for all.
    let first = ask("who get secrets").success().stderr.clone();
    let first = first.lines().next().unwrap_or_default();
    assert_eq!(
        first,
        "who can get secrets in namespace default (everywhere: -A)"
    );
    for subject in [
        account.clone(),
        format!("system:serviceaccount:{name}:robot-{name}"),
        format!("{name}/robot-{name}"),
        format!("robot-{name}"),
    ] {
        // A service account is at home in its own namespace.
        let what = ask(&format!("what {subject}"));
        what.success()
            .answers("secrets")
            .says(&format!("namespace {name};"));
        let why = ask(&format!("why {subject} get secrets db -n {name}"));
        why.success().answers(&format!("allowed: {account}"));
        ask(&format!("why {subject} get secrets db -A")).success();
        ask(&format!("why {subject} get secrets db")).code(3);
    }
    let user = format!("oidc:{name}@example.com");
    ask(&format!("what {user} -n {name}"))
        .success()
        .answers("secrets");
    ask(&format!("why can {user} get secrets db -n {name}"))
        .success()
        .answers(&format!("allowed: user:{user}"));
}

fn unknown(suite: &Suite) {
    let name = prepared(suite);
    let ask = |words: &str| suite.admin(&format!("can-i-audit {words}")).run();
    for (words, meant) in [
        ("who exec pods", "create pods/exec"),
        ("who logs pods -A", "get pods/log"),
        ("who scale deploy", "patch deployments/scale"),
        ("who gte secrets", "get secrets"),
        ("who get secretz", "secrets"),
        ("who get pods/logs", "pods/log"),
        ("who get", "RESOURCE"),
        ("who get secrets a b c", "VERB RESOURCE [NAME]"),
        ("what alise", "user:NAME"),
    ] {
        ask(words).code(2).no_answer().says(meant);
    }
    ask(&format!("what robto-{name}"))
        .code(2)
        .says(&format!("sa:{name}/robot-{name}"));
    ask(&format!("what {name}@example.com"))
        .code(2)
        .says(&format!("user:oidc:{name}@example.com"));
    ask("what default").code(2).says("several subjects");
    ask("who exec pods --literal").success();
    ask("who get secretz --mode sar").success();
    ask("what user:nosuchuser")
        .success()
        .says("no binding names user:nosuchuser");
    ask(&format!("what sa:{name}/nobody"))
        .success()
        .says(&format!("there is no service account {name}/nobody"));
}

fn onboarded(suite: &Suite) {
    let name = suite.name("newcomer");
    suite
        .admin(&format!("onboard {name} --yes"))
        .run()
        .success();
    let risks = suite
        .admin("can-i-audit risks --min-severity info -o json")
        .run();
    let report = risks.json();
    let findings = report["findings"].as_array().expect("findings");
    let of_them = findings
        .iter()
        .filter(|one| one.to_string().contains(&name));
    let told: Vec<(&str, &str)> = of_them
        .filter_map(|one| Some((one["rule"].as_str()?, one["severity"].as_str()?)))
        .collect();
    assert!(told.iter().any(|(rule, _)| *rule == "CIA-036"), "{told:?}");
    for (rule, severity) in told {
        assert!(
            !["high", "critical"].contains(&severity),
            "{rule} is {severity}"
        );
    }
}
