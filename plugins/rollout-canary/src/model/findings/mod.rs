//! What a plan finds beside the numbers. Pure: from what was read to sentences.

pub mod ahead;
pub mod owners;
pub mod question;
mod quotas;
mod template;

use groundcrew::finding::{Finding, Severity};
use groundcrew::plural::count;
use k8s_openapi::api::core::v1::Service;
use serde_json::Value;

use crate::model::findings::question::{ACCEPT_NO_TRAFFIC, Around, Question, add, labels};
use crate::model::object::text;
use crate::model::traffic::service::selects;
use crate::model::weight::Weight;

/// Returns everything that was found, what matters most first.
#[must_use]
pub fn findings(question: &Question<'_>, around: &Around) -> Vec<Finding> {
    let mut found = Vec::new();
    services(question, around, &mut found);
    quotas::quotas(question, around, &mut found);
    autoscalers(question, around, &mut found);
    owners::find(question, &around.owners, &mut found);
    template::find(question, around, &mut found);
    configs(question, around, &mut found);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
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
        behind(question, around, (service, &about), found);
        for route in around.routes.iter().filter(|route| leads_to(route, name)) {
            let kind = text(&route["kind"]);
            let route = format!("{kind}/{}", text(&route["metadata"]["name"]));
            let text =
                format!("leads to service/{name}; there the canary's share is its share of pods");
            add(found, Severity::Info, route, text);
        }
    }
}

/// Says what the canary's share of a Service's requests is, where pods of others are behind it too.
fn behind(
    question: &Question<'_>,
    around: &Around,
    (service, about): (&Service, &str),
    found: &mut Vec<Finding>,
) {
    let own = text(&question.deployment["metadata"]["name"]);
    let others = around.deployments.iter();
    let others = others.filter(|other| other.name != own && other.replicas > 0);
    let others: Vec<_> = others
        .filter(|other| selects(service, &other.labels))
        .collect();
    let Some((stable, canary)) = question.split.filter(|_| !others.is_empty()) else {
        return;
    };
    let more: i32 = others.iter().map(|other| other.replicas).sum();
    let names: Vec<String> = others
        .iter()
        .map(|other| format!("deployment/{}", other.name))
        .collect();
    let text = format!(
        "also sends requests to {} of {}: {} of the Deployment's pods are {} of what is behind it",
        count(more, "pod"),
        names.join(", "),
        Weight::of(canary, stable + canary),
        Weight::of(canary, stable + canary + more)
    );
    add(found, Severity::Warning, about, text);
}

/// Says that no Service which selects the stable pods selects the canary, naming one; `None` where one
/// does, or none is there.
#[must_use]
pub fn without_traffic(stable: &Value, canary: &Value, all: &[Service]) -> Option<String> {
    let (stable, canary) = (labels(stable), labels(canary));
    let mut known = all.iter().filter(|service| selects(service, &stable));
    let first = known.next()?;
    if selects(first, &canary) || known.any(|service| selects(service, &canary)) {
        return None;
    }
    let name = first.metadata.name.as_deref().unwrap_or_default();
    Some(format!(
        "service/{name} does not select the canary, so it has no traffic to be judged by"
    ))
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
