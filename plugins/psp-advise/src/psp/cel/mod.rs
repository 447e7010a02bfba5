//! PodSecurityPolicies as one ValidatingAdmissionPolicy.
//!
//! The policy admits a pod as PodSecurityPolicy admits one that it need not change: some policy
//! may be used (the same RBAC, asked through `authorizer`) and allows every field as it is. What
//! is translated is `validate` of this module's parent, field by field.
//!
//! Source for what CEL offers there: `k8s.io/apiserver/pkg/cel/library` (authz, optional types,
//! strings) and `pkg/admission/plugin/cel`.

mod container;
mod pod;
mod volume;

use serde_json::{Value, json};

use super::policy::{IdRange, Policy};

/// A field of a policy and what it asks for; a field that allows everything has none.
pub(super) type Condition = (&'static str, String);

/// Returns a ValidatingAdmissionPolicy for a set of policies; those that can never admit are left
/// out.
#[must_use]
pub fn admission_policy(name: &str, policies: &[Policy]) -> Value {
    let mut alive: Vec<&Policy> = policies.iter().filter(|it| it.dead().is_none()).collect();
    alive.sort_by(|one, other| one.metadata.name.cmp(&other.metadata.name));
    let mut variables = vec![
        json!({"name": "containers", "expression": "object.spec.?initContainers.orValue([]) + \
            object.spec.containers + object.spec.?ephemeralContainers.orValue([])"}),
        json!({"name": "account", "expression":
            "object.spec.?serviceAccountName.orValue(\"default\")"}),
    ];
    let (mut admits, mut reasons) = (Vec::new(), Vec::new());
    for (index, policy) in alive.iter().enumerate() {
        let name = &policy.metadata.name;
        variables.push(json!({"name": format!("may{index}"), "expression": may_use(name)}));
        variables.push(json!({"name": format!("why{index}"), "expression": why(policy)}));
        admits.push(format!(
            "(variables.may{index} && variables.why{index}.size() == 0)"
        ));
        reasons.push(format!(
            "(variables.may{index} ? [{} + variables.why{index}.join(\", \")] : [])",
            text(&format!("{name}: "))
        ));
    }
    let (expression, message) = if alive.is_empty() {
        ("false".to_owned(), text("no policy can admit anything"))
    } else {
        (
            admits.join(" || "),
            format!(
                "\"no policy that may be used admits the pod as it is: [\" + ({}).join(\"; \") + \
                 \"]\"",
                reasons.join(" + ")
            ),
        )
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["pods"]},
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                    "resources": ["pods/ephemeralcontainers"]},
            ]},
            "variables": variables,
            "validations": [{
                "expression": expression,
                "messageExpression": message,
                "reason": "Forbidden",
            }],
        },
    })
}

/// Returns the binding that puts a policy into force everywhere.
#[must_use]
pub fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    })
}

/// The service account first, then whoever creates the pod, in both groups; the right is by name
/// and needs no such API. Source: `authorizedForPolicy` in `admission.go` of 1.24.
fn may_use(policy: &str) -> String {
    let name = text(policy);
    let who = [
        "authorizer.serviceAccount(request.namespace, variables.account)",
        "authorizer",
    ];
    let asked = who.iter().flat_map(|who| {
        ["policy", "extensions"].map(|group| {
            format!(
                "{who}.group(\"{group}\").resource(\"podsecuritypolicies\")\
                 .namespace(request.namespace).name({name}).check(\"use\").allowed()"
            )
        })
    });
    asked.collect::<Vec<_>>().join(" || ")
}

/// The fields that a policy does not allow as they are.
fn why(policy: &Policy) -> String {
    let mut conditions = pod::conditions(policy);
    conditions.extend(volume::conditions(policy));
    conditions.extend(container::conditions(policy).into_iter().map(
        |(field, condition)| (field, format!("variables.containers.all(c, {condition})")),
    ));
    if conditions.is_empty() {
        return "[]".to_owned();
    }
    let parts: Vec<String> = conditions
        .iter()
        .map(|(field, condition)| format!("({condition} ? [] : [\"{field}\"])"))
        .collect();
    parts.join(" + ")
}

/// Writes a string of CEL; its escapes are those of JSON.
pub(super) fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes a list of strings.
fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(text).collect();
    format!("[{}]", items.join(", "))
}

/// Returns whether a number is in one of the ranges.
fn within(number: &str, ranges: &[IdRange]) -> String {
    if ranges.is_empty() {
        return "false".to_owned();
    }
    let parts: Vec<String> = ranges
        .iter()
        .map(|IdRange { min, max }| match min == max {
            true => format!("{number} == {min}"),
            false => format!("({number} >= {min} && {number} <= {max})"),
        })
        .collect();
    format!("({})", parts.join(" || "))
}
