//! What a plan finds beside the numbers. Pure: from what was read to sentences.

use std::collections::BTreeMap;

use groundcrew::finding::{Finding, Severity, Unseen};
use groundcrew::quantity::parse;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ResourceQuota, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde_json::Value;

use crate::model::object::text;
use crate::model::quota;
use crate::model::traffic::service::selects;
use groundcrew::plural::count;

/// Accepts that a Service does not select the canary.
pub const ACCEPT_NO_TRAFFIC: &str = "--accept-no-traffic";

/// Accepts that a quota leaves too little room at present.
pub const ACCEPT_QUOTA: &str = "--accept-quota";

/// What stands around.
#[derive(Debug, Default)]
pub struct Around {
    /// Services of the namespace.
    pub services: Vec<Service>,
    /// Autoscalers.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// Disruption budgets.
    pub budgets: Vec<PodDisruptionBudget>,
    /// Quotas.
    pub quotas: Vec<ResourceQuota>,
    /// Routes of every kind that is known, as JSON.
    pub routes: Vec<Value>,
    /// ConfigMaps and Secrets that the template names, with when they were last written.
    pub configs: Vec<(String, Option<jiff::Timestamp>)>,
    /// What could not be read, and why.
    pub unseen: Vec<Unseen>,
}

/// What the findings are about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The Deployment, as JSON.
    pub deployment: &'a Value,
    /// The template of the pods that run.
    pub stable: &'a Value,
    /// The canary's, if it is known.
    pub canary: Option<&'a Value>,
    /// Pods above what runs now, at most.
    pub more: i32,
    /// Its pods that are on their way out.
    pub ending: i32,
    /// Whether the canary's ReplicaSet is there from an earlier revision.
    pub known: bool,
    /// Since when the stable template runs.
    pub since: Option<jiff::Timestamp>,
    /// Whether the layout has more pods than replicas.
    pub surges: bool,
}

/// Returns everything that was found, what matters most first.
#[must_use]
pub fn findings(question: &Question<'_>, around: &Around) -> Vec<Finding> {
    let mut found = Vec::new();
    services(question, around, &mut found);
    quotas(question, around, &mut found);
    autoscalers(question, around, &mut found);
    budgets(question, around, &mut found);
    gitops(question.deployment, &mut found);
    template(question, &mut found);
    configs(question, around, &mut found);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn add(found: &mut Vec<Finding>, severity: Severity, about: impl Into<String>, text: String) {
    found.push(Finding::new(severity, text, "").at(about));
}

fn labels(template: &Value) -> BTreeMap<String, String> {
    let labels = template["metadata"]["labels"].as_object();
    labels
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), text(value).to_owned()))
        .collect()
}

fn services(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let stable = labels(question.stable);
    for service in around
        .services
        .iter()
        .filter(|service| selects(service, &stable))
    {
        let name = service.metadata.name.as_deref().unwrap_or_default();
        let about = format!("service/{name}");
        if let Some(canary) = question.canary
            && !selects(service, &labels(canary))
        {
            let text = "selects the stable pods but not the canary, which would get no traffic \
                 from it";
            let finding = Finding::new(Severity::Error, text, "").at(&about);
            found.push(finding.fix(ACCEPT_NO_TRAFFIC));
        }
        let spec = service.spec.as_ref();
        if spec.and_then(|spec| spec.session_affinity.as_deref()) == Some("ClientIP") {
            let text = "keeps each client on one pod: the canary's share of requests differs from its \
                 share of pods";
            add(found, Severity::Warning, &about, text.to_owned());
        }
        if spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None") {
            let text = "is headless: its clients choose pods themselves";
            add(found, Severity::Warning, &about, text.to_owned());
        }
        for route in around.routes.iter().filter(|route| leads_to(route, name)) {
            let kind = text(&route["kind"]);
            let route = format!("{kind}/{}", text(&route["metadata"]["name"]));
            let text =
                format!("leads to service/{name}; there the canary's share is its share of pods");
            add(found, Severity::Info, route, text);
        }
    }
}

/// Says whether a route of any kind names a Service as a backend.
fn leads_to(route: &Value, service: &str) -> bool {
    match route {
        Value::Array(list) => list.iter().any(|item| leads_to(item, service)),
        Value::Object(object) => object.iter().any(|(key, value)| {
            let names = |value: &Value| value["name"] == service || value["host"] == service;
            let named = match key.as_str() {
                "backendRefs" | "services" => {
                    value.as_array().is_some_and(|list| list.iter().any(names))
                }
                "service" | "destination" => names(value),
                _ => false,
            };
            named || leads_to(value, service)
        }),
        _ => false,
    }
}

fn quotas(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let template = question.canary.unwrap_or(question.stable);
    let more = f64::from(question.more);
    for quota in &around.quotas {
        let name = quota.metadata.name.as_deref().unwrap_or_default();
        if quota.spec.as_ref().is_some_and(|spec| {
            spec.scopes
                .as_ref()
                .is_some_and(|scopes| !scopes.is_empty())
                || spec.scope_selector.is_some()
        }) {
            let text = "has scopes, which this plan does not evaluate".to_owned();
            add(found, Severity::Info, format!("resourcequota/{name}"), text);
            continue;
        }
        for (resource, hard, used) in limits(quota) {
            if resource == "count/replicasets.apps" {
                if room(hard, used).is_some_and(|room| room < 1.0) && !question.known {
                    let text =
                        format!("{resource}: {used} of {hard} are used, and a canary needs one");
                    let place = format!("resourcequota/{name}");
                    let finding = Finding::new(Severity::Error, text, "").at(place);
                    found.push(finding.fix(ACCEPT_QUOTA));
                }
                continue;
            }
            let Some(each) = quota::of_pod(template, resource) else {
                continue;
            };
            let Some(room) = room(hard, used) else {
                continue;
            };
            // Pods that are on their way out give their part back.
            let (room, needed) = (room + each * f64::from(question.ending), each * more);
            if needed > room {
                let text = format!(
                    "{resource}: {used} of {hard} are used, which leaves too little for {}",
                    count(question.more, "more pod")
                );
                let place = format!("resourcequota/{name}");
                let finding = Finding::new(Severity::Error, text, "").at(place);
                found.push(finding.fix(ACCEPT_QUOTA));
            }
        }
    }
}

fn limits(quota: &ResourceQuota) -> Vec<(&str, &str, &str)> {
    let Some(status) = &quota.status else {
        return Vec::new();
    };
    let (Some(hard), Some(used)) = (&status.hard, &status.used) else {
        return Vec::new();
    };
    hard.iter()
        .filter_map(|(key, hard)| Some((key.as_str(), hard.0.as_str(), used.get(key)?.0.as_str())))
        .collect()
}

fn room(hard: &str, used: &str) -> Option<f64> {
    Some(parse(hard)? - parse(used)?)
}

fn autoscalers(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let name = text(&question.deployment["metadata"]["name"]);
    for scaler in &around.autoscalers {
        let Some(spec) = &scaler.spec else { continue };
        let target = &spec.scale_target_ref;
        if target.kind != "Deployment" || target.name != name {
            continue;
        }
        let about = format!(
            "hpa/{}",
            scaler.metadata.name.as_deref().unwrap_or_default()
        );
        let text = "scales it; the canary's share follows while it is parked".to_owned();
        add(found, Severity::Info, &about, text);
        let memory = spec.metrics.iter().flatten().any(|metric| {
            metric
                .resource
                .as_ref()
                .is_some_and(|resource| resource.name == "memory")
        });
        if memory && question.surges {
            let text = "scales by memory, which every pod uses even when idle: pods above the \
                 replicas may make it scale up; --layout replace avoids that";
            add(found, Severity::Warning, about, text.to_owned());
        }
    }
}

fn budgets(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let labels = labels(question.canary.unwrap_or(question.stable));
    for budget in &around.budgets {
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.clone());
        let Some(Ok(selector)) = selector.map(|found: LabelSelector| Selector::try_from(found))
        else {
            continue;
        };
        if selector.matches(&labels) {
            let name = budget.metadata.name.as_deref().unwrap_or_default();
            let text = "counts canary pods as healthy".to_owned();
            add(found, Severity::Info, format!("pdb/{name}"), text);
        }
    }
}

/// Marks by which GitOps tools know what is theirs.
const OWNERS: [(&str, &str); 5] = [
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("meta.helm.sh/release-name", "Helm"),
];

/// Field managers of the same.
const MANAGERS: [(&str, &str); 4] = [
    ("argocd-controller", "Argo CD"),
    ("argocd-application-controller", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
];

fn gitops(deployment: &Value, found: &mut Vec<Finding>) {
    if let Some(owner) = git_owner(deployment) {
        let text = "manages this Deployment: while parked, it sees a difference only in paused and \
             strategy; make it ignore those, or it removes the canary";
        add(found, Severity::Warning, owner, text.to_owned());
    }
}

/// Returns the tool that brings a Deployment to what Git says by itself, if one does; Helm does not.
#[must_use]
pub fn git_keeper(deployment: &Value) -> Option<&'static str> {
    git_owner(deployment).filter(|owner| *owner != "Helm")
}

/// Returns the GitOps tool that keeps a Deployment, if one does.
#[must_use]
pub fn git_owner(deployment: &Value) -> Option<&'static str> {
    let metadata = &deployment["metadata"];
    let noted =
        |key: &str| metadata["labels"][key].is_string() || metadata["annotations"][key].is_string();
    let manages = |name: &str| {
        metadata["managedFields"]
            .as_array()
            .is_some_and(|fields| fields.iter().any(|field| field["manager"] == name))
    };
    let by_note = OWNERS.iter().find(|(key, _)| noted(key));
    by_note
        .or_else(|| MANAGERS.iter().find(|(name, _)| manages(name)))
        .map(|(_, owner)| *owner)
}

fn template(question: &Question<'_>, found: &mut Vec<Finding>) {
    let spec = &question.canary.unwrap_or(question.stable)["spec"];
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ports = list(&spec["containers"])
        .iter()
        .flat_map(|container| list(&container["ports"]))
        .any(|port| port["hostPort"].as_i64().is_some_and(|port| port > 0));
    if ports || spec["hostNetwork"] == true {
        let text =
            "pods use ports of their node: each canary pod needs a node without one".to_owned();
        add(found, Severity::Warning, "template", text);
    }
    if list(&spec["volumes"])
        .iter()
        .any(|volume| volume["persistentVolumeClaim"].is_object())
    {
        let text = "pods share a volume claim: with ReadWriteOnce a canary pod on another node \
             waits forever, and both versions write to the same data";
        add(found, Severity::Warning, "template", text.to_owned());
    }
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    if !list(&spec["affinity"]["podAntiAffinity"][required]).is_empty() {
        let text = "pods avoid each other: each canary pod needs a node without one".to_owned();
        add(found, Severity::Warning, "template", text);
    }
    if list(&spec["topologySpreadConstraints"])
        .iter()
        .any(|constraint| constraint["whenUnsatisfiable"] != "ScheduleAnyway")
    {
        let text = "topology spread counts both versions".to_owned();
        add(found, Severity::Info, "template", text);
    }
}

fn configs(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    for (name, written) in &around.configs {
        match (written, question.since) {
            (None, _) => {
                let text = "is used by the template and does not exist".to_owned();
                add(found, Severity::Warning, name, text);
            }
            (Some(written), Some(since)) if *written > since => {
                let text = "changed after the stable pods were created: a stable pod that \
                     restarts gets it too, so not only the canary has it";
                add(found, Severity::Warning, name, text.to_owned());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
