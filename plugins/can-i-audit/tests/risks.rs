//! Each rule of `risks`: planted once, found once, and nothing else is found with it.

use std::collections::BTreeSet;

use can_i_audit::model::aggregate;
use can_i_audit::model::catalog::Catalog;
use can_i_audit::model::engine::World;
use can_i_audit::model::policy::{
    AggregationRule, Binding, LabelSelector, Meta, Named, Policy, Role, RoleRef, Rule, Subject,
};
use can_i_audit::model::risks::{RULES, Severity, findings};

fn words(text: &str) -> Vec<String> {
    let word = |word: &str| match word {
        "core" | "empty" => String::new(),
        word => word.to_owned(),
    };
    text.split(',')
        .filter(|one| !one.is_empty())
        .map(word)
        .collect()
}

/// `verbs groups resources [names]`, or `verbs /path`.
fn rule(text: &str) -> Rule {
    let parts: Vec<&str> = text.split(' ').collect();
    let mut rule = Rule {
        verbs: words(parts[0]),
        ..Rule::default()
    };
    if parts[1].starts_with('/') {
        rule.non_resource_urls = words(parts[1]);
    } else {
        rule.api_groups = words(parts[1]);
        rule.resources = words(parts[2]);
        rule.resource_names = parts.get(3).map(|names| words(names)).unwrap_or_default();
    }
    rule
}

fn meta(namespace: &str, name: &str) -> Meta {
    Meta {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        ..Meta::default()
    }
}

fn subject(text: &str) -> Vec<Subject> {
    let Some((kind, name)) = text.split_once(' ') else {
        return Vec::new();
    };
    let (namespace, name) = match kind {
        "ServiceAccount" => name.split_once('/').expect("NAMESPACE/NAME"),
        _ => ("", name),
    };
    vec![Subject {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }]
}

/// One role with one binding, cluster-wide when the namespace is empty.
fn planted(namespace: &str, who: &str, rules: &[&str]) -> Policy {
    let role = Role {
        metadata: meta(namespace, "planted"),
        rules: rules.iter().map(|text| rule(text)).collect(),
        aggregation_rule: None,
    };
    let kind = if namespace.is_empty() {
        "ClusterRole"
    } else {
        "Role"
    };
    let binding = Binding {
        metadata: meta(namespace, "planted"),
        role_ref: RoleRef {
            kind: kind.to_owned(),
            name: "planted".to_owned(),
        },
        subjects: subject(who),
    };
    let mut policy = Policy {
        catalog: Catalog::built_in(),
        from_cluster: true,
        service_accounts: vec![
            Named {
                metadata: meta("team", "app"),
            },
            Named {
                metadata: meta("team", "default"),
            },
        ],
        ..Policy::default()
    };
    if namespace.is_empty() {
        policy.cluster_roles.push(role);
        policy.cluster_role_bindings.push(binding);
    } else {
        policy.roles.push(role);
        policy.role_bindings.push(binding);
    }
    policy
}

fn found(policy: &Policy) -> Vec<(&'static str, Severity)> {
    findings(&World::new(policy), false)
        .into_iter()
        .map(|finding| (finding.rule, finding.severity))
        .collect()
}

const CASES: &[(&str, &str, &[&str])] = &[
    ("CIA-001", "User x", &["* * *", "* /*"]),
    (
        "CIA-002",
        "User system:anonymous",
        &["get core limitranges"],
    ),
    (
        "CIA-002",
        "Group system:unauthenticated",
        &["get core limitranges"],
    ),
    ("CIA-005", "User x", &["impersonate core users"]),
    (
        "CIA-006",
        "User x",
        &[
            "impersonate:user-info authentication.k8s.io users",
            "impersonate-on:user-info:list core limitranges",
        ],
    ),
    ("CIA-007", "User x", &["get core nodes/proxy"]),
    (
        "CIA-008",
        "User x",
        &[
            "create certificates.k8s.io certificatesigningrequests",
            "update certificates.k8s.io certificatesigningrequests/approval",
            "approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client",
        ],
    ),
    ("CIA-009", "User x", &["create core serviceaccounts/token"]),
    (
        "CIA-010",
        "User x",
        &["patch admissionregistration.k8s.io validatingadmissionpolicybindings"],
    ),
    ("CIA-011", "Group system:masters", &["get core limitranges"]),
    ("CIA-012", "User x", &["watch core secrets"]),
    ("CIA-012", "User x", &["patch core secrets"]),
    ("CIA-012", "User x", &["delete core secrets one"]),
    ("CIA-012", "User x", &["deletecollection core secrets"]),
    ("CIA-014", "User x", &["patch apps deployments"]),
    (
        "CIA-014",
        "ServiceAccount team/app",
        &["create batch cronjobs"],
    ),
    ("CIA-015", "User x", &["create core pods/exec"]),
    (
        "CIA-016",
        "User x",
        &["patch core pods/ephemeralcontainers"],
    ),
    ("CIA-017", "User x", &["get core services/proxy"]),
    ("CIA-018", "User x", &["create core persistentvolumes"]),
    ("CIA-019", "User x", &["patch core namespaces"]),
    ("CIA-019", "User x", &["patch core namespaces/status"]),
    ("CIA-019", "User x", &["update core namespaces/finalize"]),
    ("CIA-020", "User x", &["* core limitranges"]),
    (
        "CIA-021",
        "Group system:authenticated",
        &["get core limitranges"],
    ),
    (
        "CIA-022",
        "ServiceAccount team/default",
        &["get core limitranges"],
    ),
    (
        "CIA-023",
        "User x",
        &["create rbac.authorization.k8s.io rolebindings"],
    ),
    (
        "CIA-024",
        "User x",
        &["update apiregistration.k8s.io apiservices"],
    ),
    (
        "CIA-025",
        "User x",
        &["patch apiextensions.k8s.io customresourcedefinitions"],
    ),
    (
        "CIA-026",
        "User x",
        &["update core nodes", "create core pods/eviction"],
    ),
    ("CIA-027", "User x", &["create core pods/binding"]),
    (
        "CIA-028",
        "User x",
        &["patch discovery.k8s.io endpointslices"],
    ),
    ("CIA-028", "User x", &["patch core pods/status"]),
    ("CIA-029", "User x", &["patch core services/status"]),
    ("CIA-030", "User x", &["update core configmaps"]),
    (
        "CIA-031",
        "User x",
        &[
            "attest certificates.k8s.io signers",
            "create certificates.k8s.io clustertrustbundles",
        ],
    ),
    ("CIA-033", "User x", &["deletecollection example.com,* *"]),
    ("HYG-03", "", &["get core limitranges"]),
    ("HYG-05", "User x", &["get core pods/*"]),
    ("HYG-05", "User x", &["GET core limitranges"]),
    ("HYG-05", "User x", &["get apps/v1 limitranges"]),
    ("HYG-05", "User x", &["get core limitrange"]),
    ("HYG-05", "User x", &["get core deployments"]),
    ("HYG-06", "User x", &["get core limitranges *"]),
    ("HYG-07", "User x", &["list core limitranges empty"]),
    (
        "HYG-02",
        "ServiceAccount team/gone",
        &["get core limitranges"],
    ),
    (
        "HYG-10",
        "User system:serviceaccount:team:app",
        &["get core limitranges"],
    ),
];

#[test]
fn what_is_planted_is_found_and_nothing_else() {
    for (id, who, rules) in CASES {
        let ids: BTreeSet<&str> = found(&planted("", who, rules))
            .into_iter()
            .map(|one| one.0)
            .collect();
        let mut expected = BTreeSet::from([*id]);
        // Deleting every Secret, as a dry run, reads them.
        if *id == "CIA-033" {
            expected.insert("CIA-012");
        }
        assert_eq!(ids, expected, "{who}: {rules:?}");
    }
}

#[test]
fn combinations_add_to_what_their_parts_are() {
    let ids = |rules: &[&str]| -> Vec<&str> {
        found(&planted("", "User x", rules))
            .into_iter()
            .map(|one| one.0)
            .collect()
    };
    let roles = "escalate,update rbac.authorization.k8s.io clusterroles";
    assert_eq!(ids(&[roles]), ["CIA-003"]);
    let bind = "bind rbac.authorization.k8s.io clusterroles";
    let write = "create rbac.authorization.k8s.io clusterrolebindings";
    assert_eq!(ids(&[bind]), [] as [&str; 0]);
    assert_eq!(ids(&[bind, write]), ["CIA-004"]);
    assert_eq!(ids(&["update core nodes"]), [] as [&str; 0]);
}

/// What the server refuses for want of a part, or because the parts are of different things:
/// each was tried on a real one (`tests/it/can_i_audit_deeds.rs`).
#[test]
fn what_the_server_refuses_is_no_finding() {
    const ROLES: &str = "rbac.authorization.k8s.io roles";
    const CLUSTER_ROLES: &str = "rbac.authorization.k8s.io clusterroles";
    let refused: &[(&str, &[&str])] = &[
        // `escalate` and the writing are of different types, of different names, or of none.
        (
            "CIA-003",
            &[
                &format!("escalate {CLUSTER_ROLES}"),
                &format!("update,create {ROLES}"),
            ],
        ),
        (
            "CIA-003",
            &[
                &format!("escalate {ROLES} alpha"),
                &format!("update {ROLES} beta"),
            ],
        ),
        (
            "CIA-003",
            &[
                &format!("escalate {ROLES} alpha"),
                &format!("create {ROLES}"),
            ],
        ),
        (
            "CIA-004",
            &[
                &format!("bind {ROLES}"),
                "create rbac.authorization.k8s.io clusterrolebindings",
            ],
        ),
        (
            "CIA-004",
            &[
                &format!("bind {ROLES}"),
                "create rbac.authorization.k8s.io rolebindings some",
            ],
        ),
        ("CIA-005", &["impersonate core groups"]),
        (
            "CIA-005",
            &["impersonate core users system:serviceaccount:shop:robot"],
        ),
        ("CIA-005", &["impersonate core users x"]),
        ("CIA-005", &["impersonate rbac.authorization.k8s.io users"]),
        (
            "CIA-005",
            &["impersonate authentication.k8s.io uids,userextras/scopes"],
        ),
        (
            "CIA-008",
            &[
                "sign certificates.k8s.io signers",
                "update certificates.k8s.io certificatesigningrequests/status",
            ],
        ),
        ("CIA-012", &["create,update core secrets"]),
        ("CIA-012", &["deletecollection core secrets one"]),
        ("CIA-013", &["create core secrets"]),
        ("CIA-013", &["update,get core secrets"]),
        (
            "CIA-013",
            &["create core secrets one", "get core secrets one"],
        ),
        (
            "CIA-013",
            &["create core secrets one", "patch core secrets two"],
        ),
        ("CIA-014", &["create apps deployments web"]),
        ("CIA-020", &["* core pods/*"]),
        ("CIA-028", &["create core endpoints web"]),
        ("CIA-031", &["attest certificates.k8s.io signers"]),
    ];
    for (id, rules) in refused {
        let ids: Vec<&str> = found(&planted("", "User x", rules))
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert!(!ids.contains(id), "{id}: {rules:?}");
    }
    let given: &[(&str, Severity, &[&str])] = &[
        (
            "CIA-003",
            Severity::High,
            &[
                &format!("escalate {ROLES} alpha"),
                &format!("patch {ROLES} alpha,beta"),
            ],
        ),
        (
            "CIA-003",
            Severity::Critical,
            &[&format!("escalate {ROLES}"), &format!("create {ROLES}")],
        ),
        (
            "CIA-004",
            Severity::Critical,
            &[
                &format!("bind {ROLES}"),
                "update rbac.authorization.k8s.io rolebindings",
            ],
        ),
        (
            "CIA-005",
            Severity::Critical,
            &["impersonate core users x", "impersonate core groups"],
        ),
        (
            "CIA-005",
            Severity::High,
            &["impersonate core users x", "impersonate core groups team"],
        ),
        ("CIA-005", Severity::High, &["impersonate core users bob"]),
        ("CIA-013", Severity::High, &["create,get core secrets"]),
        (
            "CIA-013",
            Severity::High,
            &["create core secrets", "get core secrets mine"],
        ),
        (
            "CIA-013",
            Severity::Medium,
            &["create,patch core secrets one"],
        ),
    ];
    for (id, severity, rules) in given {
        let found = found(&planted("", "User x", rules));
        assert!(
            found.contains(&(*id, *severity)),
            "{id}: {rules:?}: {found:?}"
        );
    }
}

#[test]
fn escalate_for_the_cluster_does_not_count_with_a_write_inside_a_namespace() {
    let mut policy = planted(
        "",
        "User x",
        &["escalate,bind rbac.authorization.k8s.io clusterroles"],
    );
    let inside = planted(
        "team",
        "User x",
        &[
            "update rbac.authorization.k8s.io clusterroles",
            "create rbac.authorization.k8s.io clusterrolebindings",
        ],
    );
    policy.roles = inside.roles;
    policy.role_bindings = inside.role_bindings;
    let ids: Vec<&str> = found(&policy).into_iter().map(|one| one.0).collect();
    assert_eq!(ids, ["HYG-09"]);
}

#[test]
fn every_account_can_be_impersonated_into_system_masters_with_the_group() {
    let mut policy = planted("", "User x", &["impersonate core groups"]);
    let inside = planted("team", "User x", &["impersonate core serviceaccounts"]);
    policy.roles = inside.roles;
    policy.role_bindings = inside.role_bindings;
    assert_eq!(found(&policy), [("CIA-005", Severity::Critical)]);
    policy.cluster_roles.clear();
    policy.cluster_role_bindings.clear();
    assert_eq!(found(&policy), [("CIA-005", Severity::High)]);
}

#[test]
fn a_team_with_edit_in_its_own_namespace_is_one_row_and_what_comes_with_it_is_another() {
    let defaults = can_i_audit::model::risks::defaults::Defaults::new();
    let edit = defaults.cluster_roles().iter();
    let edit = edit.filter(|role| role.metadata.name == "edit").cloned();
    let of = |who: &str, namespace: &str| {
        let mut policy = planted(namespace, who, &[]);
        policy.roles.clear();
        policy.cluster_roles = edit.clone().collect();
        policy.role_bindings[0].role_ref = RoleRef {
            kind: "ClusterRole".to_owned(),
            name: "edit".to_owned(),
        };
        policy
    };
    for who in ["User x", "Group team", "ServiceAccount team/app"] {
        let found = found(&of(who, "team"));
        assert_eq!(found, [("CIA-036", Severity::Info)], "{who}");
    }
    for (who, namespace) in [
        ("User x", "kube-system"),
        ("Group system:authenticated", "team"),
        ("ServiceAccount team/default", "team"),
        ("ServiceAccount team/app", "other"),
    ] {
        let found = found(&of(who, namespace));
        let ids: Vec<&str> = found.iter().map(|one| one.0).collect();
        assert!(
            ids.contains(&"CIA-012") && !ids.contains(&"CIA-036"),
            "{who}: {ids:?}"
        );
    }
    let mut policy = of("User x", "team");
    let more = planted("team", "User x", &["create core serviceaccounts/token"]);
    policy.roles = more.roles;
    policy.role_bindings.extend(more.role_bindings);
    let mut one = policy.clone();
    one.cluster_roles[0]
        .rules
        .push(rule("escalate,update rbac.authorization.k8s.io roles"));
    // The team's role with one more right is not Kubernetes' own.
    let ids: Vec<&str> = found(&one).into_iter().map(|one| one.0).collect();
    assert!(
        ids.contains(&"CIA-003") && !ids.contains(&"CIA-036"),
        "{ids:?}"
    );
    let ids: Vec<&str> = found(&policy).into_iter().map(|one| one.0).collect();
    assert_eq!(ids, ["CIA-036"], "edit has tokens already");
}

#[test]
fn a_missing_account_is_as_bad_as_what_it_is_bound_to() {
    for (rules, severity) in [
        ("get core limitranges", Severity::Low),
        ("* * *", Severity::Critical),
    ] {
        let policy = planted("", "ServiceAccount team/gone", &[rules]);
        let found = found(&policy);
        assert!(found.contains(&("HYG-02", severity)), "{found:?}");
    }
}

#[test]
fn only_what_can_never_match_is_called_dead() {
    let reasons = |text: &str| -> String {
        let policy = planted("", "User x", &[text]);
        let found = findings(&World::new(&policy), false).into_iter();
        let dead = found.filter(|one| matches!(one.rule, "HYG-05" | "HYG-06"));
        dead.map(|one| one.detail).collect()
    };
    for alive in [
        "get,list metrics.k8s.io pods,nodes",
        "get serving.knative.dev services",
        "get batch.volcano.sh jobs",
        "get crd.projectcalico.org,projectcalico.org networkpolicies",
        "get longhorn.io nodes",
        "get core nodes/stats,nodes/metrics,nodes/log",
        "get authorization.openshift.io roles,rolebindings",
        "get custom.metrics.k8s.io pods/http_requests,services/*",
        "impersonate:arbitrary-node authentication.k8s.io nodes",
        "impersonate:user-info authentication.k8s.io groups *",
        "impersonate:associated-node authentication.k8s.io nodes *",
        "use policy podsecuritypolicies p",
        "create,patch core configmaps one",
        "create core serviceaccounts/token robot",
        "get /api/*",
    ] {
        assert_eq!(reasons(alive), "", "{alive}");
    }
    for (dead, reason) in [
        ("get extensions ingresses", "not in \"extensions\""),
        ("get core deployments", "is in API group \"apps\""),
        ("get core po", "should be pods"),
        ("get core pods/logs", "should be pods/log"),
        ("read core pods", "may mean get"),
        ("exec core pods", "may mean create pods/exec"),
        ("create core endpoints web", "carries a name only together"),
        ("get core limitranges *", "contains \"*\""),
        ("get /api*/v1", "only at the end"),
    ] {
        let found = reasons(dead);
        assert!(found.contains(reason), "{dead}: {found}");
    }
}

#[test]
fn pod_policies_count_where_there_are_any() {
    let rules = ["use security.openshift.io securitycontextconstraints privileged"];
    let mut policy = planted("", "Group team", &rules);
    let ids =
        |policy: &Policy| -> Vec<&str> { found(policy).into_iter().map(|one| one.0).collect() };
    assert_eq!(ids(&policy), [] as [&str; 0]);
    policy.from_cluster = false;
    assert_eq!(ids(&policy), ["CIA-035"]);
}

#[test]
fn the_scope_and_names_lower_the_severity_and_never_to_nothing() {
    let severity = |namespace: &str, text: &str| found(&planted(namespace, "User x", &[text]));
    let get = "get core secrets";
    assert_eq!(severity("", get), [("CIA-012", Severity::Critical)]);
    assert_eq!(
        severity("kube-system", get),
        [("CIA-012", Severity::Critical)]
    );
    assert_eq!(severity("team", get), [("CIA-012", Severity::Medium)]);
    assert_eq!(
        severity("team", "get core secrets one"),
        [("CIA-012", Severity::Low)]
    );
    assert_eq!(
        severity("team", "create core pods/exec one"),
        [("CIA-015", Severity::Low)]
    );
}

#[test]
fn what_belongs_to_the_cluster_is_no_risk_in_a_namespace() {
    for text in ["get core nodes/proxy", "create core persistentvolumes"] {
        let ids: Vec<&str> = found(&planted("team", "User x", &[text]))
            .into_iter()
            .map(|one| one.0)
            .collect();
        assert_eq!(ids, ["HYG-09"], "{text}");
    }
}

#[test]
fn a_role_that_nobody_has_is_no_risk() {
    let mut policy = planted("", "User x", &["* * *"]);
    policy.cluster_role_bindings.clear();
    assert_eq!(found(&policy), [("HYG-04", Severity::Info)]);
}

#[test]
fn exec_by_get_counts_before_1_35() {
    let mut policy = planted("", "User x", &["get core pods/exec"]);
    policy.server_minor = Some(36);
    assert_eq!(found(&policy), []);
    policy.server_minor = Some(34);
    assert_eq!(found(&policy), [("CIA-015", Severity::High)]);
}

#[test]
fn debug_paths_matter_when_many_have_them() {
    let rules = ["get /debug/*"];
    assert_eq!(found(&planted("", "User x", &rules)), []);
    let ids: Vec<&str> = found(&planted("", "Group system:authenticated", &rules))
        .into_iter()
        .map(|one| one.0)
        .collect();
    assert_eq!(ids, ["CIA-021", "CIA-032"]);
}

#[test]
fn objects_that_do_not_do_what_they_seem_to_do_are_found() {
    let mut policy = planted("", "User x", &["get core limitranges"]);
    policy.cluster_role_bindings[0].role_ref.name = "gone".to_owned();
    let ids: Vec<&str> = found(&policy).into_iter().map(|one| one.0).collect();
    assert_eq!(ids, ["HYG-01", "HYG-04"]);

    let mut policy = planted("", "User x", &["get core limitranges"]);
    let mut twice = policy.cluster_role_bindings[0].clone();
    twice.metadata.name = "twice".to_owned();
    policy.cluster_role_bindings.push(twice);
    assert_eq!(found(&policy), [("HYG-08", Severity::Info)]);

    let mut policy = planted("", "User x", &["get core limitranges"]);
    policy.cluster_roles[0].aggregation_rule = Some(AggregationRule {
        cluster_role_selectors: vec![LabelSelector {
            match_labels: [("a".to_owned(), "b".to_owned())].into(),
            ..LabelSelector::default()
        }],
    });
    assert_eq!(found(&policy), [("HYG-11", Severity::Medium)]);
}

#[test]
fn a_cluster_role_binding_that_the_server_refuses_is_found_and_a_role_binding_is_not() {
    let mut policy = planted("", "ServiceAccount team/app", &["get core limitranges"]);
    policy.cluster_role_bindings[0].subjects[0]
        .namespace
        .clear();
    assert_eq!(found(&policy), [("HYG-20", Severity::Medium)]);
    let all = findings(&World::new(&policy), false);
    assert_eq!(all[0].object.as_deref(), Some("ClusterRoleBinding/planted"));
    assert_eq!(all[0].detail, "service account \"app\" has no namespace");

    // In a RoleBinding it is an account of the binding's namespace.
    let mut policy = planted("team", "ServiceAccount team/app", &["get core limitranges"]);
    policy.role_bindings[0].subjects[0].namespace.clear();
    assert_eq!(found(&policy), []);
}

#[test]
fn rules_of_manifests_that_the_aggregation_controller_overwrites_are_found() {
    let aggregated = |part: &str| {
        let mut policy = planted("", "User x", &["get core limitranges"]);
        policy.cluster_roles[0].aggregation_rule = Some(AggregationRule {
            cluster_role_selectors: vec![LabelSelector {
                match_labels: [("part".to_owned(), "yes".to_owned())].into(),
                ..LabelSelector::default()
            }],
        });
        let mut policy = with_role(policy, "part", &[part]);
        let labels = &mut policy.cluster_roles[1].metadata.labels;
        labels.insert("part".to_owned(), "yes".to_owned());
        policy.overwritten = aggregate::fill(&mut policy.cluster_roles);
        policy
    };
    let policy = aggregated("get core services");
    assert_eq!(found(&policy), [("HYG-21", Severity::Medium)]);
    let all = findings(&World::new(&policy), false);
    assert_eq!(all[0].detail, "no part of it here has: get limitranges");
    // Its part gives it the same.
    assert_eq!(found(&aggregated("get core limitranges")), []);
}

#[test]
fn what_could_not_be_read_is_not_called_missing() {
    let mut policy = planted("", "ServiceAccount team/gone", &["get core limitranges"]);
    policy.cluster_role_bindings[0].role_ref.name = "gone".to_owned();
    for resource in ["clusterroles", "serviceaccounts", "rolebindings"] {
        policy.unseen.push(can_i_audit::model::gap::Gap {
            resource: resource.to_owned().into(),
            except_namespace: None,
            why: "no".to_owned(),
        });
    }
    assert_eq!(found(&policy), []);
}

/// What is planted elsewhere in this file, because it takes more than one role and binding, or is
/// only found together with something else.
const ELSEWHERE: &[&str] = &[
    "CIA-003", "CIA-004", "CIA-013", "CIA-032", "CIA-035", "CIA-036", "HYG-01", "HYG-04", "HYG-08",
    "HYG-09", "HYG-11", "HYG-20", "HYG-21",
];

#[test]
fn every_rule_that_is_looked_for_is_planted_and_every_other_is_said_to_be_left_out() {
    let planted: BTreeSet<&str> = CASES
        .iter()
        .map(|(id, _, _)| *id)
        .chain(ELSEWHERE.iter().copied())
        .collect();
    let looked_for: BTreeSet<&str> = RULES
        .iter()
        .filter(|rule| rule.implemented)
        .map(|rule| rule.id)
        .collect();
    assert_eq!(planted, looked_for);
    let left_out: Vec<&str> = RULES
        .iter()
        .filter(|rule| !rule.implemented)
        .map(|rule| rule.id)
        .collect();
    assert_eq!(left_out, ["CIA-034"]);
    let text = include_str!("risks.rs");
    for id in ELSEWHERE {
        let tests = text.split("const ELSEWHERE").next().unwrap_or_default();
        assert!(tests.contains(id), "{id} is planted nowhere");
    }
}

/// One more ClusterRole, which nothing binds.
fn with_role(mut policy: Policy, name: &str, rules: &[&str]) -> Policy {
    policy.cluster_roles.push(Role {
        metadata: meta("", name),
        rules: rules.iter().map(|text| rule(text)).collect(),
        aggregation_rule: None,
    });
    policy
}

#[test]
fn the_right_to_bind_is_as_bad_as_the_worst_role_that_can_be_bound() {
    let write = "create rbac.authorization.k8s.io rolebindings,clusterrolebindings";
    let graded = |namespace: &str, bind: &str, write: &str, role: &[&str]| {
        let policy = planted(namespace, "User x", &[bind, write]);
        let found = findings(&World::new(&with_role(policy, "given", role)), false);
        let of = found.into_iter().filter(|one| one.rule == "CIA-004");
        of.map(|one| (one.severity, one.limited))
            .collect::<Vec<_>>()
    };
    let any = "bind rbac.authorization.k8s.io clusterroles";
    let only = "bind rbac.authorization.k8s.io clusterroles given";
    let harmless: &[&str] = &["get core limitranges"];
    let secrets: &[&str] = &["get core secrets"];
    let everything: &[&str] = &["* * *"];
    assert_eq!(
        graded("", any, write, harmless),
        [(Severity::Critical, false)]
    );
    assert_eq!(
        graded("team", any, write, harmless),
        [(Severity::High, false)]
    );
    assert_eq!(graded("", only, write, harmless), [(Severity::Low, true)]);
    assert_eq!(
        graded("", only, write, secrets),
        [(Severity::Critical, true)]
    );
    assert_eq!(
        graded("team", only, write, secrets),
        [(Severity::Medium, true)]
    );
    assert_eq!(
        graded("team", only, write, everything),
        [(Severity::High, true)]
    );
    // Through RoleBindings alone, nothing that belongs to the cluster is given.
    let inside = "create rbac.authorization.k8s.io rolebindings";
    let nodes: &[&str] = &["get core nodes/proxy"];
    assert_eq!(graded("", only, inside, nodes), [(Severity::Low, true)]);
    assert_eq!(graded("", only, write, nodes), [(Severity::Critical, true)]);
}

#[test]
fn a_right_of_two_parts_names_the_part_that_is_held_cluster_wide() {
    let mut policy = planted(
        "",
        "User x",
        &["bind rbac.authorization.k8s.io clusterroles"],
    );
    let inside = planted(
        "team",
        "User x",
        &["create rbac.authorization.k8s.io rolebindings"],
    );
    policy.roles = inside.roles;
    policy.role_bindings = inside.role_bindings;
    let found = findings(&World::new(&policy), false);
    let one = found.iter().find(|one| one.rule == "CIA-004").unwrap();
    let bindings: Vec<usize> = one.chains.iter().map(|chain| chain.binding).collect();
    assert_eq!(
        (one.namespace.as_deref(), bindings),
        (Some("team"), vec![0, 1])
    );
}

#[test]
fn a_signer_that_makes_no_credentials_for_the_api_server_is_no_risk() {
    let ids = |signer: &str| {
        let approve = format!("approve certificates.k8s.io signers {signer}");
        let rules = [
            "create certificates.k8s.io certificatesigningrequests",
            "update certificates.k8s.io certificatesigningrequests/approval",
            &approve,
        ];
        found(&planted("", "User x", &rules))
    };
    assert_eq!(ids("example.com/web"), []);
    // A star stands for the names of one domain, and nothing else is a wildcard.
    assert_eq!(ids("kubernetes.io/*"), [("CIA-008", Severity::Critical)]);
    assert_eq!(ids("*/*"), []);
    assert_eq!(ids("kubernetes.io/kubelet-serving"), []);
}
