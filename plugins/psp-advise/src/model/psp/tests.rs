use serde_json::{Value, json};

use super::*;

fn policy(name: &str, spec: Value) -> Policy {
    let mut full = json!({
        "privileged": false, "volumes": ["*"], "seLinux": {"rule": "RunAsAny"},
        "runAsUser": {"rule": "RunAsAny"}, "fsGroup": {"rule": "RunAsAny"},
        "supplementalGroups": {"rule": "RunAsAny"},
    });
    for (key, value) in spec.as_object().unwrap() {
        full[key] = value.clone();
    }
    serde_json::from_value(json!({"metadata": {"name": name}, "spec": full})).unwrap()
}

fn run(policies: &[Policy], pod: &Value) -> Outcome {
    let request = Request {
        pod,
        namespace: "n",
        user: None,
        rbac: None,
    };
    decide(policies, &request)
}

fn pod() -> Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
}

#[test]
fn a_policy_that_changes_nothing_comes_before_an_earlier_one_that_does() {
    let policies = [
        policy("a", json!({"readOnlyRootFilesystem": true})),
        policy("b", json!({"privileged": true})),
    ];
    let outcome = run(&policies, &pod());
    assert_eq!(
        (outcome.policy.as_deref(), outcome.mutated),
        (Some("b"), false)
    );
    assert_eq!(outcome.passed_over, ["a"]);
}

#[test]
fn a_seccomp_field_without_its_annotation_makes_every_policy_a_changing_one() {
    let mut free = policy("b", json!({}));
    let key = super::mutate::SECCOMP_ALLOWED.to_owned();
    free.metadata
        .annotations
        .insert(key.clone(), "*".to_owned());
    let mut setting = policy("a", json!({"readOnlyRootFilesystem": true}));
    setting.metadata.annotations.insert(key, "*".to_owned());
    let mut pod = pod();
    pod["spec"]["securityContext"] = json!({"seccompProfile": {"type": "RuntimeDefault"}});
    let outcome = run(&[free, setting], &pod);
    assert_eq!(
        (outcome.policy.as_deref(), outcome.mutated),
        (Some("a"), true)
    );
}

#[test]
fn a_policy_without_its_ranges_is_dead() {
    let dead = policy("a", json!({"fsGroup": {"rule": "MustRunAs"}}));
    let outcome = run(std::slice::from_ref(&dead), &pod());
    assert!(outcome.refusal.unwrap().contains("no providers available"));
    let outcome = run(&[dead, policy("b", json!({}))], &pod());
    assert_eq!(
        (outcome.policy.as_deref(), outcome.dead.len()),
        (Some("b"), 1)
    );
}

#[test]
fn the_token_counts_as_a_secret() {
    let outcome = run(&[policy("a", json!({"volumes": ["secret"]}))], &pod());
    assert!(outcome.allowed());
    let outcome = run(&[policy("a", json!({"volumes": ["emptyDir"]}))], &pod());
    assert_eq!(
        outcome.reasons["a"],
        [
            "spec.volumes[0]: Invalid value: \"projected\": projected volumes are not allowed to be used"
        ]
    );
}

#[test]
fn a_writable_path_wins_and_a_prefix_ends_at_a_segment() {
    let spec = json!({"allowedHostPaths": [{"pathPrefix": "/var/log", "readOnly": true}, {"pathPrefix": "/var/"}]});
    let mut pod = pod();
    let mount = |pod: &mut Value, path: &str| {
        pod["spec"]["volumes"] = json!([{"name": "v", "hostPath": {"path": path}}]);
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/x"}]);
    };
    mount(&mut pod, "/var/log/x");
    assert!(run(&[policy("a", spec.clone())], &pod).allowed());
    mount(&mut pod, "/variable");
    assert!(!run(&[policy("a", spec)], &pod).allowed());
    let read_only = json!({"allowedHostPaths": [{"pathPrefix": "/var", "readOnly": true}]});
    mount(&mut pod, "/var");
    let outcome = run(&[policy("a", read_only)], &pod);
    assert!(
        outcome.reasons["a"][0]
            .ends_with("volumeMounts[0].readOnly: Invalid value: false: must be read-only")
    );
}

#[test]
fn the_right_to_use_a_policy_is_the_accounts_or_the_users_in_either_group() {
    let mut rbac = Rbac::default();
    for object in [
        json!({"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [{"verbs": ["use"],
            "apiGroups": ["extensions"], "resources": ["podsecuritypolicies"], "resourceNames": ["a"]}]}),
        json!({"kind": "RoleBinding", "metadata": {"name": "b", "namespace": "n"},
            "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "default"}, {"kind": "User", "name": "u"}]}),
    ] {
        rbac.add(object).unwrap();
    }
    let account = User::service_account("n", "default");
    let grant = rbac.grant(&account, "n", "a").unwrap();
    assert_eq!(
        (grant.binding.as_str(), grant.role.as_str()),
        ("rolebinding/n/b", "clusterrole/r")
    );
    assert_eq!(rbac.grant(&account, "n", "other"), None);
    assert_eq!(rbac.grant(&account, "m", "a"), None);
    let policies = [policy("a", json!({})), policy("b", json!({}))];
    let pod = pod();
    let request = Request {
        pod: &pod,
        namespace: "n",
        user: None,
        rbac: Some(&rbac),
    };
    let outcome = decide(&policies, &request);
    assert_eq!(outcome.policy.as_deref(), Some("a"));
    assert_eq!(outcome.not_usable.keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_generated_policy_admits_its_pods_changes_none_and_cannot_be_tightened() {
    let writable = json!({"metadata": {"name": "a"}, "spec": {"hostNetwork": true,
        "volumes": [{"name": "v", "hostPath": {"path": "/var/log"}}],
        "containers": [{"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 81}],
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            "securityContext": {"capabilities": {"add": ["NET_RAW"], "drop": ["ALL"]},
                "runAsUser": 5}}]}});
    let quiet = json!({"metadata": {"name": "b"}, "spec": {"automountServiceAccountToken": false,
        "securityContext": {"runAsUser": 9},
        "containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]}}}]}});
    let generated = generate("p", &[writable, quiet.clone()]);
    assert_eq!(
        (&generated.refused, &generated.loose),
        (&Vec::new(), &Vec::new())
    );
    assert!(generated.tightenings > 8, "{}", generated.tightenings);
    insta::assert_json_snapshot!(generated.policy);
    let alone = generate("p", &[quiet]);
    assert_eq!(
        (alone.refused.len(), alone.loose.len()),
        (0, 0),
        "{:?}",
        alone.loose
    );
    assert_eq!(alone.policy.spec.allow_privilege_escalation, Some(false));
}
