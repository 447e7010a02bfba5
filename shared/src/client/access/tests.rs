use super::*;
use crate::client::errors::Doing;

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> ResourceRule {
    let list = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    ResourceRule {
        api_groups: Some(list(groups)),
        resources: Some(list(resources)),
        verbs: list(verbs),
        resource_names: Some(list(names)),
    }
}

#[test]
fn rules_are_evaluated_as_rbac_does() {
    let table = [
        (
            "get",
            "pods",
            None,
            rule(&[""], &["pods"], &["get"], &[]),
            true,
        ),
        ("get", "pods", None, rule(&["*"], &["*"], &["*"], &[]), true),
        (
            "list",
            "pods",
            None,
            rule(&[""], &["pods"], &["get"], &[]),
            false,
        ),
        (
            "get",
            "pods",
            None,
            rule(&["apps"], &["pods"], &["get"], &[]),
            false,
        ),
        (
            "get",
            "pods/log",
            None,
            rule(&[""], &["pods"], &["get"], &[]),
            false,
        ),
        (
            "get",
            "pods/log",
            None,
            rule(&[""], &["pods/log"], &["get"], &[]),
            true,
        ),
        (
            "get",
            "pods/log",
            None,
            rule(&[""], &["*/log"], &["get"], &[]),
            true,
        ),
        (
            "get",
            "pods/log",
            None,
            rule(&[""], &["pods/*"], &["get"], &[]),
            false,
        ),
        (
            "get",
            "pods/log",
            None,
            rule(&[""], &["*"], &["get"], &[]),
            true,
        ),
        (
            "get",
            "pods",
            None,
            rule(&[""], &["*/log"], &["get"], &[]),
            false,
        ),
        (
            "get",
            "pods",
            Some("a"),
            rule(&[""], &["pods"], &["get"], &["a", "b"]),
            true,
        ),
        (
            "get",
            "pods",
            Some("c"),
            rule(&[""], &["pods"], &["get"], &["a", "b"]),
            false,
        ),
        (
            "get",
            "pods",
            None,
            rule(&[""], &["pods"], &["get"], &["a"]),
            false,
        ),
        (
            "get",
            "pods",
            Some("a"),
            rule(&[""], &["pods"], &["get"], &["*"]),
            false,
        ),
        (
            "get",
            "pods",
            Some("a"),
            rule(&[""], &["pods"], &["get"], &[]),
            true,
        ),
        (
            "bind",
            "roles.rbac.x",
            None,
            rule(&["rbac.x"], &["roles"], &["bind"], &[]),
            true,
        ),
        (
            "get",
            "pods",
            None,
            ResourceRule {
                verbs: vec!["*".into()],
                ..Default::default()
            },
            false,
        ),
    ];
    for (verb, resource, name, rule, expected) in table {
        let access = Access {
            name: name.map(str::to_owned),
            ..Access::new(verb, resource)
        };
        assert_eq!(
            rules::allow(std::slice::from_ref(&rule), &access),
            expected,
            "{access} {rule:?}"
        );
    }
}

#[test]
fn a_right_is_shown_with_verb_resource_and_scope() {
    let access = Access::new(
        "update",
        "certificatesigningrequests.certificates.k8s.io/approval",
    );
    assert_eq!(
        access.to_string(),
        "update certificatesigningrequests.certificates.k8s.io/approval cluster-wide"
    );
    let access = Access::new("get", "pods/log").named("web").within("team");
    assert_eq!(access.to_string(), "get pods/log \"web\" in namespace team");
}

#[test]
fn what_was_being_done_is_a_right_and_create_has_no_name() {
    let doing = Doing::new("create", "pods").named("a").within("n");
    assert_eq!(
        Access::from(&doing),
        Access::new("create", "pods").within("n")
    );
    let doing = Doing::new("update", "deployments.apps")
        .sub("scale")
        .named("a")
        .within("n");
    assert_eq!(
        Access::from(&doing),
        Access::new("update", "deployments.apps/scale")
            .named("a")
            .within("n")
    );
}

#[test]
fn one_right_is_granted_by_a_pair_of_commands() {
    let grant = |access: Access, user: &str| grant_command(&[access], user, "Helper 1");
    insta::assert_snapshot!(
        grant(Access::new("create", "namespaces"), "o'neil"),
        @r"kubectl create clusterrole helper-1 --verb=create --resource=namespaces && kubectl create clusterrolebinding helper-1 --clusterrole=helper-1 --user='o'\''neil'"
    );
    insta::assert_snapshot!(
        grant(Access::new("get", "pods/log").named("web").within("team"), "system:serviceaccount:ci:bot"),
        @"kubectl create role helper-1 --verb=get --resource=pods/log --resource-name=web -n team && kubectl create rolebinding helper-1 --role=helper-1 --serviceaccount=ci:bot -n team"
    );
}

#[test]
fn several_rights_are_granted_by_one_manifest_that_is_valid() {
    let missing = [
        Access::new("create", "namespaces"),
        Access::new("get", "namespaces"),
        Access::new("approve", "signers.certificates.k8s.io")
            .named("kubernetes.io/kube-apiserver-client"),
        Access::new("create", "limitranges").within("team"),
    ];
    let command = grant_command(&missing, "EOF\"x", "onboard");
    insta::assert_snapshot!(command, @r#"
    kubectl apply -f - <<'EOF'
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRole
    metadata: {name: "onboard"}
    rules:
    - {apiGroups: [""], resources: ["namespaces"], verbs: ["create", "get"]}
    - {apiGroups: ["certificates.k8s.io"], resources: ["signers"], verbs: ["approve"], resourceNames: ["kubernetes.io/kube-apiserver-client"]}
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: ClusterRoleBinding
    metadata: {name: "onboard"}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "onboard"}
    subjects:
    - {kind: User, apiGroup: rbac.authorization.k8s.io, name: "EOF\"x"}
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: Role
    metadata: {name: "onboard", namespace: "team"}
    rules:
    - {apiGroups: [""], resources: ["limitranges"], verbs: ["create"]}
    ---
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata: {name: "onboard", namespace: "team"}
    roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "onboard"}
    subjects:
    - {kind: User, apiGroup: rbac.authorization.k8s.io, name: "EOF\"x"}
    ---
    EOF
    "#);
    let yaml = command
        .strip_prefix("kubectl apply -f - <<'EOF'\n")
        .unwrap();
    let yaml = yaml.strip_suffix("\nEOF").unwrap();
    let kinds: Vec<String> = yaml
        .split("\n---")
        .filter(|document| !document.trim().is_empty())
        .map(|document| {
            let document: serde_json::Value = serde_saphyr::from_str(document).unwrap();
            document["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"]
    );
    assert!(
        !yaml.lines().any(|line| line == "EOF"),
        "the document must not end early"
    );
}

#[test]
fn a_user_name_with_control_characters_does_not_reach_the_shell() {
    let command = grant_command(&[Access::new("get", "pods")], "a\nrm -rf /", "r");
    assert!(command.ends_with("--user=USER"), "{command}");
}

#[test]
fn all_missing_rights_are_in_one_message() {
    let missing = [
        Access::new("create", "namespaces"),
        Access::new("get", "pods").within("team"),
    ];
    let error = refused(&missing, "bob", "onboard");
    assert_eq!(
        error.headline(),
        "error: user \"bob\" lacks 2 rights; nothing was changed"
    );
    assert_eq!(
        error.details(),
        [
            "create  namespaces  cluster-wide",
            "get     pods        in namespace team"
        ]
    );
}
