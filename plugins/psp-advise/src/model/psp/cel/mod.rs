//! PodSecurityPolicies as one ValidatingAdmissionPolicy.
//!
//! The policy admits a pod as PodSecurityPolicy admits one that it need not change: some policy
//! may be used (the same RBAC, asked through `authorizer`) and allows every field as it is. What
//! is translated is `validate` of this module's parent, field by field.
//!
//! Source for what CEL offers there: `k8s.io/apiserver/pkg/cel/library` (authz, optional types,
//! strings) and `pkg/admission/plugin/cel`.

mod container;
mod expression;
mod pod;
mod volume;

use serde_json::{Value, json};

use super::mutate::{APP_ARMOR_ALLOWED, APP_ARMOR_DEFAULT, SECCOMP_ALLOWED, SECCOMP_DEFAULT};
use super::policy::Policy;
use crate::model::vap::{self, CONTAINERS};
use expression::text;

/// Returns a ValidatingAdmissionPolicy for a set of policies; those that can never admit are left
/// out.
#[must_use]
pub fn admission_policy(name: &str, policies: &[Policy]) -> Value {
    let mut alive: Vec<&Policy> = policies.iter().filter(|it| it.dead().is_none()).collect();
    alive.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let mut variables = vec![
        json!({"name": "containers", "expression": CONTAINERS}),
        json!({"name": "account", "expression":
            "object.spec.?serviceAccountName.orValue(\"default\")"}),
    ];
    let groups = groups(alive.len());
    let (mut admits, mut reasons) = (Vec::new(), Vec::new());
    for (index, policy) in alive.iter().enumerate() {
        let name = &policy.metadata.name;
        variables.push(json!({"name": format!("why{index}"), "expression": why(policy)}));
        let mut may = Vec::new();
        for (number, check) in checks(name, groups).into_iter().enumerate() {
            let variable = format!("may{index}x{number}");
            variables.push(json!({"name": variable, "expression": check}));
            may.push(format!("variables.{variable}"));
        }
        // Rights are asked for last: a question costs more than every field together.
        admits.push(format!(
            "(variables.why{index}.size() == 0 && ({}))",
            may.join(" || ")
        ));
        // Where all fields are allowed and the pod is refused, the right is missing.
        reasons.push(format!(
            "[{} + (variables.why{index}.size() == 0 ? \"may not be used\" : \
             variables.why{index}.join(\", \"))]",
            text(&format!("{name}: "))
        ));
    }
    let (expression, message) = if alive.is_empty() {
        ("false".to_owned(), text("no policy can admit any pod"))
    } else {
        (
            admits.join(" || "),
            format!(
                "\"no policy admits the pod unchanged: \" + ({}).join(\"; \")",
                reasons.join(" + ")
            ),
        )
    };
    let validations = json!([{
        "expression": expression,
        "messageExpression": message,
        "reason": "Forbidden",
    }]);
    vap::policy(name, &Value::Array(variables), &validations)
}

/// Returns what a policy did and no validation can do: fields that pods got and that they may go
/// without, with what becomes of such pods. What a pod has to have is asked of it instead.
#[must_use]
pub fn losses(policy: &Policy) -> Vec<(&'static str, &'static str)> {
    let spec = &policy.spec;
    if policy.dead().is_some() {
        return vec![("the policy", "it can never admit any pod and is left out")];
    }
    let annotation = |key: &str| policy.metadata.annotations.get(key);
    let mut all = Vec::new();
    if spec.default_allow_privilege_escalation.is_some() {
        all.push((
            "defaultAllowPrivilegeEscalation",
            "pods that do not set it get the runtime's default, which allows it",
        ));
    }
    let class = spec.runtime_class.as_ref();
    if class.is_some_and(|class| class.default_runtime_class_name.is_some()) {
        all.push((
            "runtimeClass.defaultRuntimeClassName",
            "pods without a class get the cluster's default",
        ));
    }
    let unset = annotation(SECCOMP_ALLOWED)
        .is_none_or(|list| list.split(',').any(|one| one.is_empty() || one == "*"));
    if unset && annotation(SECCOMP_DEFAULT).is_some() {
        all.push((
            "seccomp defaultProfileName",
            "pods without a profile get the kubelet's default",
        ));
    }
    if annotation(APP_ARMOR_ALLOWED).is_none() && annotation(APP_ARMOR_DEFAULT).is_some() {
        all.push((
            "AppArmor defaultProfileName",
            "containers without a profile get the runtime's default",
        ));
    }
    all
}

/// Questions about rights that the API server pays for in one decision.
///
/// Source: `RuntimeCELCostBudget` (10,000,000) in `k8s.io/apiserver/pkg/apis/cel/config.go` and the
/// cost of `check` (350,000) in `pkg/cel/library/cost.go`; `PerCallLimit` (1,000,000) is why each
/// one is a variable of its own.
const QUESTIONS: usize = 28;

/// Returns the API groups in which rights are asked for: both that PodSecurityPolicy knew, as long
/// as a pod that fits every policy can be decided.
fn groups(policies: usize) -> &'static [&'static str] {
    if policies * 4 <= QUESTIONS {
        &["policy", "extensions"]
    } else {
        &["policy"]
    }
}

/// Returns what a translation of so many policies cannot decide.
#[must_use]
pub fn too_many(policies: &[Policy]) -> Option<&'static str> {
    let alive = policies.iter().filter(|it| it.dead().is_none()).count();
    if alive * 4 <= QUESTIONS {
        None
    } else if alive * 2 <= QUESTIONS {
        Some(
            "with more than 7 policies, rights in the API group extensions are not checked: the API \
             server limits the cost of a decision",
        )
    } else {
        Some(
            "with more than 14 policies, rights in the API group extensions are not checked, and a \
             pod may be refused if it fits 14 policies that it may not use before one that it may: \
             the API server limits the cost of a decision",
        )
    }
}

/// The service account first, then the pod's creator; the right is by name and needs no such
/// API. Source: `authorizedForPolicy` in `admission.go` of 1.24.
fn checks(policy: &str, groups: &[&str]) -> Vec<String> {
    let name = text(policy);
    let who = [
        "authorizer.serviceAccount(request.namespace, variables.account)",
        "authorizer",
    ];
    let asked = groups.iter().flat_map(|group| {
        who.map(|who| {
            format!(
                "{who}.group(\"{group}\").resource(\"podsecuritypolicies\")\
                 .namespace(request.namespace).name({name}).check(\"use\").allowed()"
            )
        })
    });
    asked.collect()
}

/// The fields that a policy does not allow as they are.
fn why(policy: &Policy) -> String {
    let mut conditions = pod::conditions(policy);
    conditions.extend(volume::conditions(policy));
    conditions.extend(
        container::conditions(policy)
            .into_iter()
            .map(|(field, condition)| (field, format!("variables.containers.all(c, {condition})"))),
    );
    if conditions.is_empty() {
        return "[]".to_owned();
    }
    let parts: Vec<String> = conditions
        .iter()
        .map(|(field, condition)| format!("({condition} ? [] : [\"{field}\"])"))
        .collect();
    parts.join(" + ")
}
