//! Quotas, and the room that they leave.

use groundcrew::finding::{Finding, Severity};
use groundcrew::plural::count;
use groundcrew::quantity::parse;
use k8s_openapi::api::core::v1::ResourceQuota;

use crate::model::findings::question::{ACCEPT_QUOTA, Around, Question, add};
use crate::model::quota;

pub(super) fn quotas(question: &Question<'_>, around: &Around, found: &mut Vec<Finding>) {
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
            if ["configmaps", "count/configmaps"].contains(&resource) && !question.recorded {
                if room(hard, used).is_some_and(|room| room < 1.0) {
                    let text = format!(
                        "{resource}: {used} of {hard} are used, and the record of a canary needs one"
                    );
                    add(
                        found,
                        Severity::Error,
                        format!("resourcequota/{name}"),
                        text,
                    );
                }
                continue;
            }
            let lacking = quota::lacking(template, resource, &around.ranges);
            if !lacking.is_empty() {
                let text = format!(
                    "requires {resource} of every container, and {} has none: no canary pod can be \
                     created",
                    lacking.join(", ")
                );
                add(
                    found,
                    Severity::Error,
                    format!("resourcequota/{name}"),
                    text,
                );
                continue;
            }
            let ranges = &around.ranges;
            let Some(each) = quota::of_pod(template, resource, ranges) else {
                continue;
            };
            let Some(room) = room(hard, used) else {
                continue;
            };
            let before = quota::of_pod(question.stable, resource, ranges).unwrap_or_default();
            // Pods that are on their way out give their part back.
            let room = room + before * f64::from(question.ending);
            // In the end every pod is a canary, and takes what the canary takes.
            let replicas = question.deployment["spec"]["replicas"]
                .as_f64()
                .unwrap_or(1.0);
            let grown = replicas * (each - before);
            if each * more > room || grown > room {
                let why = if each * more > room {
                    count(question.more, "more pod")
                } else {
                    "the promotion, in which every pod takes what the canary takes".to_owned()
                };
                let text = format!(
                    "{resource}: {used} of {hard} are used, which leaves too little for {why}"
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
