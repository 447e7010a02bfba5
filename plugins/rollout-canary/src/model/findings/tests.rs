use serde_json::{Value, json};

use groundcrew::finding::Severity;
use k8s_openapi::api::core::v1::Service;

use crate::model::findings::owners::{self, git_owner};
use crate::model::findings::question::{Around, Keeper, Neighbor, Question};
use crate::model::findings::{findings, without_traffic};

fn question<'a>(deployment: &'a Value, stable: &'a Value, canary: &'a Value) -> Question<'a> {
    Question {
        deployment,
        manager: "groundcrew-rollout-canary",
        stable,
        canary: Some(canary),
        split: Some((3, 1)),
        more: 2,
        ending: 0,
        known: false,
        recorded: false,
        since: Some(jiff::Timestamp::UNIX_EPOCH),
        surges: true,
    }
}

fn of(json: Value) -> Around {
    let list = |key: &str| json[key].clone();
    Around {
        services: serde_json::from_value(list("services")).unwrap_or_default(),
        autoscalers: serde_json::from_value(list("autoscalers")).unwrap_or_default(),
        budgets: serde_json::from_value(list("budgets")).unwrap_or_default(),
        quotas: serde_json::from_value(list("quotas")).unwrap_or_default(),
        routes: serde_json::from_value(list("routes")).unwrap_or_default(),
        ..Around::default()
    }
}

fn about(around: &Around, deployment: &Value, stable: &Value, canary: &Value) -> Vec<String> {
    findings(&question(deployment, stable, canary), around)
        .iter()
        .map(|found| format!("{} {}", found.severity.word(), found.place))
        .collect()
}

fn plain() -> (Value, Value) {
    let template = json!({"metadata": {"labels": {"app": "web", "version": "1"}},
        "spec": {"containers": [{"name": "web", "image": "r.example/web@sha256:0",
            "readinessProbe": {"tcpSocket": {"port": 80}},
            "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}}]}});
    (json!({"metadata": {"name": "web"}}), template)
}

#[test]
fn a_service_that_the_canary_falls_out_of_blocks() {
    let (deployment, stable) = plain();
    let mut canary = stable.clone();
    canary["metadata"]["labels"]["version"] = json!("2");
    let around = of(json!({"services": [
        {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web", "version": "1"}}},
        {"metadata": {"name": "all"}, "spec": {"selector": {"app": "web"}}},
        {"metadata": {"name": "none"}, "spec": {}}]}));
    assert_eq!(
        about(&around, &deployment, &stable, &canary),
        ["error service/web"]
    );
}

#[test]
fn a_route_is_named_by_what_it_leads_to() {
    let (deployment, stable) = plain();
    let around = of(json!({
        "services": [{"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}],
        "routes": [
            {"kind": "HTTPRoute", "metadata": {"name": "a"},
             "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}},
            {"kind": "Ingress", "metadata": {"name": "b"},
             "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}]}},
            {"kind": "Ingress", "metadata": {"name": "c"},
             "spec": {"defaultBackend": {"service": {"name": "other"}}}}]}));
    assert_eq!(
        about(&around, &deployment, &stable, &stable),
        ["info HTTPRoute/a", "info Ingress/b"]
    );
}

#[test]
fn a_quota_without_room_for_the_extra_pods_blocks() {
    let (deployment, stable) = plain();
    let quota = |cpu: &str, pods: &str| {
        of(json!({"quotas": [{"metadata": {"name": "q"}, "status": {
            "hard": {"requests.cpu": cpu, "pods": pods},
            "used": {"requests.cpu": "5", "pods": "10"}}}]}))
    };
    for (cpu, pods, blocks) in [
        ("6", "12", 0),
        ("5900m", "12", 1),
        ("6", "11", 1),
        ("5", "10", 2),
    ] {
        let found = about(&quota(cpu, pods), &deployment, &stable, &stable);
        assert_eq!(found, vec!["error resourcequota/q"; blocks], "{cpu} {pods}");
    }
}

#[test]
fn a_quota_for_the_promotion_the_record_and_what_containers_lack_blocks() {
    let (mut deployment, stable) = plain();
    deployment["spec"]["replicas"] = json!(4);
    let mut larger = stable.clone();
    larger["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("2");
    let quota = |resource: &str, hard: &str, used: &str| {
        of(json!({"quotas": [{"metadata": {"name": "q"},
            "status": {"hard": {resource: hard}, "used": {resource: used}}}]}))
    };
    let what = |around: &Around, canary: &Value| -> Vec<String> {
        let found = findings(&question(&deployment, &stable, canary), around);
        found.into_iter().map(|found| found.what).collect()
    };
    // Two more pods of 2 fit, four that grow from 0.5 to 2 do not.
    let found = what(&quota("requests.cpu", "7", "2"), &larger);
    assert!(found[0].contains("the promotion"), "{found:?}");
    assert!(what(&quota("requests.cpu", "8", "2"), &larger).is_empty());
    let found = what(&quota("configmaps", "3", "3"), &stable);
    assert!(
        found[0].contains("the record of a canary needs one"),
        "{found:?}"
    );
    let found = what(&quota("limits.cpu", "9", "0"), &stable);
    assert!(
        found[0].contains("requires limits.cpu of every container, and web has none"),
        "{found:?}"
    );
    assert!(what(&quota("limits.memory", "9Gi", "0"), &stable).is_empty());
}

#[test]
fn an_autoscaler_by_memory_and_surge_do_not_go_together() {
    let (deployment, stable) = plain();
    let around = of(json!({"autoscalers": [{"metadata": {"name": "h"}, "spec": {
        "maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "metrics": [{"type": "Resource", "resource": {"name": "memory",
            "target": {"type": "Utilization"}}}]}}]}));
    assert_eq!(
        about(&around, &deployment, &stable, &stable),
        ["warning hpa/h", "info hpa/h"]
    );
}

#[test]
fn a_gitops_tool_is_known_by_its_marks() {
    for (metadata, owner) in [
        (
            json!({"labels": {"argocd.argoproj.io/instance": "x"}}),
            Some("Argo CD"),
        ),
        (
            json!({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}),
            Some("Argo CD"),
        ),
        (
            json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}),
            Some("Flux"),
        ),
        (
            json!({"managedFields": [{"manager": "helm-controller"}]}),
            Some("Flux"),
        ),
        (json!({"managedFields": [{"manager": "kubectl"}]}), None),
    ] {
        assert_eq!(git_owner(&json!({"metadata": metadata})), owner);
    }
}

#[test]
fn a_config_that_is_newer_than_the_stable_pods_is_told() {
    let (deployment, stable) = plain();
    let at = |second| Some(jiff::Timestamp::from_second(second).unwrap());
    let around = Around {
        configs: vec![
            ("configmap/old".to_owned(), at(-1)),
            ("configmap/new".to_owned(), at(1)),
            ("secret/gone".to_owned(), None),
        ],
        ..Around::default()
    };
    assert_eq!(
        about(&around, &deployment, &stable, &stable),
        ["warning configmap/new", "warning secret/gone"]
    );
}

/// What is found about the template, and how bad it is.
fn of_template(change: impl Fn(&mut Value)) -> Vec<(String, String)> {
    let (deployment, stable) = plain();
    let mut canary = stable.clone();
    change(&mut canary);
    let around = of(json!({"services": [
        {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}]}));
    findings(&question(&deployment, &stable, &canary), &around)
        .into_iter()
        .map(|found| {
            (
                format!("{} {}", found.severity.word(), found.place),
                found.what,
            )
        })
        .collect()
}

#[test]
fn the_template_that_comes_is_looked_at_and_not_the_one_that_runs() {
    let none: Vec<(String, String)> = Vec::new();
    assert_eq!(of_template(|_| {}), none);
    let container = |canary: &mut Value, key: &str, value: Value| {
        canary["spec"]["containers"][0][key] = value;
    };
    for (key, value, place, words) in [
        (
            "readinessProbe",
            Value::Null,
            "warning template",
            "no readiness probe",
        ),
        (
            "image",
            json!("web"),
            "warning container/web",
            "without a tag",
        ),
        (
            "image",
            json!("r.example:5000/web:latest"),
            "warning container/web",
            "\"latest\"",
        ),
        (
            "image",
            json!("r.example:5000/web:2"),
            "info container/web",
            "not by digest",
        ),
        (
            "resources",
            json!({}),
            "info container/web",
            "no memory limit",
        ),
        (
            "ports",
            json!([{"containerPort": 80}]),
            "info container/web",
            "no preStop hook",
        ),
        (
            "ports",
            json!([{"hostPort": 80}]),
            "warning template",
            "ports of their node",
        ),
    ] {
        let found = of_template(|canary| container(canary, key, value.clone()));
        let hit = |(at, what): &(String, String)| at == place && what.contains(words);
        assert!(found.iter().any(hit), "{key}: {found:?}");
    }
    let by_subpath = of_template(|canary| {
        canary["spec"]["volumes"] = json!([{"name": "c", "configMap": {"name": "conf"}},
            {"name": "s", "secret": {"secretName": "key"}}]);
        canary["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "c", "mountPath": "/a", "subPath": "a"}, {"name": "s", "mountPath": "/b"}]);
    });
    let places: Vec<&str> = by_subpath.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(
        places,
        ["info configmap/conf"],
        "a whole volume is updated in place"
    );
    for (constraint, words) in [
        (json!({}), "the domain with the fewest pods"),
        (
            json!({"matchLabelKeys": ["pod-template-hash"]}),
            "each version by itself",
        ),
    ] {
        let found = of_template(|canary| {
            canary["spec"]["topologySpreadConstraints"] = json!([constraint.clone()]);
        });
        assert!(found[0].1.contains(words), "{found:?}");
    }
}

#[test]
fn budgets_and_other_deployments_of_the_same_pods_are_told() {
    let (mut deployment, stable) = plain();
    deployment["spec"]["replicas"] = json!(4);
    let budget = |allowed: i32| {
        json!({"metadata": {"name": "b"}, "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {"disruptionsAllowed": allowed, "expectedPods": 4, "currentHealthy": 4,
                "desiredHealthy": 4}})
    };
    let found = |around: &Around| about(around, &deployment, &stable, &stable);
    let with = |budgets: Value| Around {
        has_budgets: true,
        ..of(json!({"budgets": budgets}))
    };
    assert_eq!(
        found(&with(json!([budget(0)]))),
        ["warning pdb/b", "info pdb/b"]
    );
    assert_eq!(found(&with(json!([budget(1)]))), ["info pdb/b"]);
    assert_eq!(found(&with(json!([]))), ["info template"]);
    assert_eq!(found(&of(json!({}))), [""; 0], "nobody looked for budgets");
    let neighbor = |name: &str, label: &str| Neighbor {
        name: name.to_owned(),
        selector: serde_json::from_value(json!({"matchLabels": {"app": label}})).unwrap(),
        labels: [("app".to_owned(), label.to_owned())].into(),
        replicas: 2,
    };
    let deployments = vec![
        neighbor("web", "web"),
        neighbor("twin", "web"),
        neighbor("other", "api"),
    ];
    let around = Around {
        deployments: deployments.clone(),
        ..Around::default()
    };
    assert_eq!(found(&around), ["warning deployment/twin"]);
    let service = json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}});
    let around = Around {
        deployments,
        ..of(json!({"services": [service]}))
    };
    let all = findings(&question(&deployment, &stable, &stable), &around);
    let behind = all
        .iter()
        .find(|found| found.place == "service/web")
        .unwrap();
    assert_eq!(
        behind.what,
        "also sends requests to 2 pods of deployment/twin: 25% of the Deployment's pods are 16.7% of \
         what is behind it"
    );
}

/// What is said of who keeps a Deployment.
fn kept(metadata: Value, object: Option<Value>) -> (Severity, String, String) {
    let mut deployment = json!({"metadata": metadata});
    deployment["metadata"]["name"] = json!("web");
    let template = json!({});
    let place = owners::place(&deployment);
    let around = Around {
        owners: place
            .into_iter()
            .map(|what| Keeper {
                what,
                object: object.clone(),
            })
            .collect(),
        ..Around::default()
    };
    let question = Question {
        canary: None,
        ..question(&deployment, &template, &template)
    };
    let found = findings(&question, &around).remove(0);
    (found.severity, found.what, found.fix)
}

#[test]
fn argo_cd_blocks_where_it_heals_and_does_not_ignore_what_is_written() {
    let marked = || json!({"annotations": {"argocd.argoproj.io/tracking-id": "team_shop:apps/Deployment:x/web"}});
    let app = |spec: Value| {
        Some(json!({"metadata": {"name": "shop", "namespace": "argocd"}, "spec": spec}))
    };
    let heals = json!({"automated": {"selfHeal": true}});
    let (severity, text, fix) = kept(marked(), app(json!({"syncPolicy": heals})));
    assert_eq!(
        (severity, fix.as_str()),
        (Severity::Error, "--accept-owner")
    );
    for words in [
        "application argocd/shop",
        "managedFieldsManagers: [groundcrew-rollout-canary]",
        "name: web",
        "RespectIgnoreDifferences=true",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let ignoring = |name: &str, options: Value| {
        app(json!({
            "ignoreDifferences": [{"group": "apps", "kind": "Deployment", "name": name,
                "managedFieldsManagers": ["groundcrew-rollout-canary"]}],
            "syncPolicy": {"automated": {"selfHeal": true}, "syncOptions": options}}))
    };
    let respects = json!(["RespectIgnoreDifferences=true"]);
    for (object, severity) in [
        (ignoring("web", respects.clone()), Severity::Info),
        (ignoring("*", respects.clone()), Severity::Info),
        (ignoring("api", respects), Severity::Error),
        (ignoring("web", json!([])), Severity::Error),
        (
            app(json!({"syncPolicy": {"automated": {"selfHeal": true, "enabled": false}}})),
            Severity::Warning,
        ),
        (app(json!({})), Severity::Warning),
        // Argo CD is in another cluster, or may not be read.
        (None, Severity::Warning),
    ] {
        let (found, text, _) = kept(marked(), object.clone());
        assert_eq!(found, severity, "{object:?}: {text}");
    }
}

#[test]
fn flux_blocks_where_git_states_what_a_parked_canary_changes() {
    let labels = json!({"kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system"});
    let stating = |fields: Value| {
        json!({"labels": labels, "managedFields": [{"manager": "kustomize-controller",
            "operation": "Apply", "fieldsV1": {"f:spec": fields}}]})
    };
    let strategy = || stating(json!({"f:strategy": {"f:rollingUpdate": {}}}));
    let going = || Some(json!({"spec": {"interval": "10m"}}));
    let (severity, text, _) = kept(strategy(), going());
    assert_eq!(severity, Severity::Error, "{text}");
    for words in [
        "states strategy",
        "kubectl patch kustomization apps -n flux-system --type=merge -p '{\"spec\":{\"suspend\":true}}'",
        "\"suspend\":false",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let unstated = kept(stating(json!({"f:template": {}})), going());
    assert_eq!(unstated.0, Severity::Warning, "{unstated:?}");
    let suspended = kept(strategy(), Some(json!({"spec": {"suspend": true}})));
    assert_eq!(suspended.0, Severity::Info, "{suspended:?}");
    assert_eq!(kept(strategy(), None).0, Severity::Warning);
}

#[test]
fn without_traffic_is_a_canary_that_no_known_service_selects() {
    let (_, stable) = plain();
    let mut canary = stable.clone();
    canary["metadata"]["labels"]["version"] = json!("2");
    let services = |selectors: &[Value]| -> Vec<Service> {
        let all = selectors
            .iter()
            .map(|selector| json!({"metadata": {"name": "web"}, "spec": {"selector": selector}}));
        serde_json::from_value(Value::Array(all.collect())).unwrap()
    };
    let (one, both) = (json!({"app": "web", "version": "1"}), json!({"app": "web"}));
    let why = |selectors: &[Value]| without_traffic(&stable, &canary, &services(selectors));
    assert!(why(std::slice::from_ref(&one)).is_some_and(|why| why.contains("service/web")));
    assert_eq!(why(&[one, both]), None);
    assert_eq!(
        why(&[]),
        None,
        "no Service is known: it may be asked in another way"
    );
}
