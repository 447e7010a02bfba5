use serde_json::{Value, json};

use crate::model::findings::{Around, Question, findings, git_owner};

fn question<'a>(deployment: &'a Value, stable: &'a Value, canary: &'a Value) -> Question<'a> {
    Question {
        deployment,
        stable,
        canary: Some(canary),
        more: 2,
        ending: 0,
        known: false,
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
        "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m"}}}]}});
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
