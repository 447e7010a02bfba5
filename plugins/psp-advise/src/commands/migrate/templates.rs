//! What templates have to say themselves, because a validation changes no pod.

use psp_advise::model::fix::{strategic, without_nulls};
use psp_advise::model::psp::{Policy, Rbac, Request, completed, decide, faults_as_is};
use psp_advise::model::subject::Subject;
use serde::Serialize;
use serde_json::{Value, json};

/// A workload that is not admitted as it is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Template {
    /// The object.
    pub(super) object: String,
    /// The namespace.
    pub(super) namespace: String,
    /// The policy that completed its pods; none admits them otherwise.
    pub(super) policy: Option<String>,
    /// The strategic merge patch after which it is admitted.
    pub(super) patch: Option<Value>,
}

/// Returns what becomes of each workload that no policy admits as it is.
pub(super) fn incomplete(
    policies: &[Policy],
    rbac: Option<&Rbac>,
    subjects: &[Subject],
) -> Vec<Template> {
    subjects
        .iter()
        .filter_map(|subject| one(policies, rbac, subject))
        .collect()
}

fn one(policies: &[Policy], rbac: Option<&Rbac>, subject: &Subject) -> Option<Template> {
    let outcome = decide(
        policies,
        &Request {
            pod: &subject.pod,
            namespace: &subject.namespace,
            user: subject.controller(),
            rbac,
        },
    );
    let usable =
        |policy: &&Policy| rbac.is_none() || outcome.grants.contains_key(&policy.metadata.name);
    let mut alive = policies.iter().filter(|it| it.dead().is_none());
    let as_is = alive.any(|it| usable(&it) && faults_as_is(it, &subject.pod).is_empty());
    if as_is {
        return None;
    }
    let chosen = outcome.policy.as_ref();
    let policy = policies
        .iter()
        .find(|policy| Some(&policy.metadata.name) == chosen);
    let patch = policy.and_then(|policy| {
        let whole = completed(policy, &subject.pod);
        // The patch is believed only when what it leads to is admitted.
        let holds = faults_as_is(policy, &whole).is_empty();
        holds.then(|| patch(subject, &whole)).flatten()
    });
    Some(Template {
        object: subject.workload.object.short(),
        namespace: subject.namespace.clone(),
        policy: chosen.cloned(),
        patch,
    })
}

fn patch(subject: &Subject, pod: &Value) -> Option<Value> {
    let object = &subject.workload.object;
    let around = |pod: &Value| {
        let mut whole = if subject.workload.path.is_empty() {
            pod.clone()
        } else {
            let steps = subject.workload.path.rsplit('.');
            steps.fold(pod.clone(), |inner, step| json!({step: inner}))
        };
        whole["apiVersion"] = json!(object.api_version);
        whole["kind"] = json!(object.kind);
        whole["metadata"]["name"] = json!(object.name);
        whole["metadata"]["namespace"] = json!(subject.namespace);
        without_nulls(whole)
    };
    strategic(&around(&subject.pod), &around(pod))
}
