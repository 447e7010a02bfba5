//! What the canary's template says of itself: in each sentence, what it costs.

use std::collections::BTreeMap;

use groundcrew::finding::{Finding, Severity};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde_json::Value;

use crate::model::findings::question::{Around, Neighbor, Question, add, labels};
use crate::model::object::text;
use crate::model::traffic::service::selects;

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Looks at the template that comes; without one at that which runs.
pub(super) fn find(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let template = question.canary.unwrap_or(question.stable);
    let spec = &template["spec"];
    scheduling(spec, found);
    if question.canary.is_some() {
        containers(spec, is_served(template, around), found);
        by_subpath(spec, found);
    }
    disruption(question, around, found);
    shared(question, around, found);
}

fn scheduling(spec: &Value, found: &mut Vec<Finding>) {
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
    let strict: Vec<&Value> = list(&spec["topologySpreadConstraints"])
        .iter()
        .filter(|constraint| constraint["whenUnsatisfiable"] != "ScheduleAnyway")
        .collect();
    if strict.is_empty() {
        return;
    }
    // Counted per version, a canary alone fits any domain; counted together, the domain with the
    // fewest pods has to have room (KEP-3243).
    let together = strict.iter().any(|constraint| {
        let keys = list(&constraint["matchLabelKeys"]);
        !keys.iter().any(|key| key == "pod-template-hash")
    });
    let text = if together {
        "topology spread counts both versions: a canary pod waits where the domain with the fewest \
         pods has no room"
    } else {
        "topology spread counts each version by itself"
    };
    add(found, Severity::Info, "template", text.to_owned());
}

/// Says whether a Service sends requests to pods of a template.
fn is_served(template: &Value, around: &Around) -> bool {
    let labels = labels(template);
    around
        .services
        .iter()
        .any(|service| selects(service, &labels))
}

fn containers(spec: &Value, is_served: bool, found: &mut Vec<Finding>) {
    let all = list(&spec["containers"]);
    // Of a pod with several containers one probe tells when it is ready.
    if is_served
        && !all
            .iter()
            .any(|container| container["readinessProbe"].is_object())
    {
        let text = "has no readiness probe, so a pod gets requests, and counts as Ready, the moment \
             it starts";
        add(found, Severity::Warning, "template", text.to_owned());
    }
    for container in all {
        let about = format!("container/{}", text(&container["name"]));
        let mut say = |severity, what: &str| add(found, severity, &about, what.to_owned());
        match tag(text(&container["image"])) {
            Tag::Digest => {}
            Tag::Floating => say(
                Severity::Warning,
                "has an image without a tag, or \"latest\": pods of one version may run different \
                 images",
            ),
            Tag::Named => say(
                Severity::Info,
                "has an image by tag, not by digest: pods that start later may run another one",
            ),
        }
        let is_unlimited = container["resources"]["limits"]["memory"].is_null()
            && spec["resources"]["limits"]["memory"].is_null();
        if is_unlimited {
            let what = "has no memory limit: a canary that leaks takes memory from stable pods of its \
                 node";
            say(Severity::Info, what);
        }
        let ends_at_once =
            !list(&container["ports"]).is_empty() && !container["lifecycle"]["preStop"].is_object();
        if is_served && ends_at_once {
            let what = "has no preStop hook: a pod that ends may still get requests for some seconds \
                 (a hook that sleeps avoids that)";
            say(Severity::Info, what);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    Digest,
    Named,
    Floating,
}

fn tag(image: &str) -> Tag {
    if image.contains('@') {
        return Tag::Digest;
    }
    let last = image.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        None | Some((_, "latest")) => Tag::Floating,
        Some(_) => Tag::Named,
    }
}

/// A file that is mounted by `subPath` is never updated in a pod that runs
/// (kubernetes.io/docs, "Mounted ConfigMaps are updated automatically").
fn by_subpath(spec: &Value, found: &mut Vec<Finding>) {
    let source = |volume: &Value| {
        let map = volume["configMap"]["name"].as_str();
        let secret = volume["secret"]["secretName"].as_str();
        map.map(|name| format!("configmap/{name}"))
            .or_else(|| secret.map(|name| format!("secret/{name}")))
    };
    let sources: BTreeMap<&str, String> = list(&spec["volumes"])
        .iter()
        .filter_map(|volume| Some((text(&volume["name"]), source(volume)?)))
        .collect();
    let mounts = ["containers", "initContainers"].map(|key| list(&spec[key]));
    let mounts = mounts.into_iter().flatten();
    let mut named: Vec<&String> = mounts
        .flat_map(|container| list(&container["volumeMounts"]))
        .filter(|mount| mount["subPath"].is_string() || mount["subPathExpr"].is_string())
        .filter_map(|mount| sources.get(text(&mount["name"])))
        .collect();
    named.sort();
    named.dedup();
    for source in named {
        let text = "is mounted by subPath: pods that run keep the old content when it changes, new \
             ones have the new";
        add(found, Severity::Info, source, text.to_owned());
    }
}

fn selector(selector: &LabelSelector) -> Option<Selector> {
    Selector::try_from(selector.clone()).ok()
}

/// Disruption budgets of the pods: none, one that blocks every eviction, or one that counts both.
fn disruption(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let labels = labels(question.canary.unwrap_or(question.stable));
    let mut any = false;
    for budget in &around.budgets {
        let of = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        if !of.and_then(selector).is_some_and(|of| of.matches(&labels)) {
            continue;
        }
        any = true;
        let about = format!(
            "pdb/{}",
            budget.metadata.name.as_deref().unwrap_or_default()
        );
        let text = "counts canary pods as healthy".to_owned();
        add(found, Severity::Info, &about, text);
        let status = budget.status.as_ref();
        if status.is_some_and(|status| status.disruptions_allowed == 0 && status.expected_pods > 0)
        {
            let text = "allows no eviction at present: a node with one of these pods cannot be \
                 drained";
            add(found, Severity::Warning, about, text.to_owned());
        }
    }
    let replicas = question.deployment["spec"]["replicas"]
        .as_i64()
        .unwrap_or(1);
    let is_seen = !around
        .unseen
        .iter()
        .any(|one| one.what.contains("poddisruptionbudgets"));
    if !any && replicas > 1 && is_seen && around.has_budgets {
        let text =
            "no PodDisruptionBudget selects these pods: a drain may evict all of them at once";
        add(found, Severity::Info, "template", text.to_owned());
    }
}

/// Other Deployments whose selector takes these pods too: their controllers fight over them.
fn shared(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
    let labels = labels(question.canary.unwrap_or(question.stable));
    let own = text(&question.deployment["metadata"]["name"]);
    for Neighbor {
        name, selector: of, ..
    } in &around.deployments
    {
        if name != own && selector(of).is_some_and(|of| of.matches(&labels)) {
            let text = "selects these pods too: their counts and Services mix with the canary's";
            add(
                found,
                Severity::Warning,
                format!("deployment/{name}"),
                text.to_owned(),
            );
        }
    }
}
