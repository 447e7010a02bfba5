//! The pieces of which every policy is made.

use serde_json::{Value, json};

const CLAIMS: &str = "authorizer.group('groundcrew.dev').resource('claims')";
/// Clocks of several API servers differ; a claim made at one may be checked at another.
pub const SLACK_SECONDS: u64 = 60;

/// A policy's name, its spec, and what it takes its parameters from.
pub type Policy = (String, Value, Option<Value>);

pub fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "*",
    })
}

/// Every field is given, including defaults, so that an altered policy differs from this one.
pub fn constraints(rules: &[Value]) -> Value {
    json!({
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": rules,
    })
}

/// Which users a policy watches; `inside` names the namespace that a request is about.
pub fn watched(inside: &str) -> Vec<Value> {
    vec![
        json!({
            "name": "claimers-and-owners",
            "expression": format!(
                "{CLAIMS}.check('create').allowed() || ({inside} != '' && \
                 {CLAIMS}.namespace({inside}).check('own').allowed())"
            ),
        }),
        json!({
            "name": "managers-pass",
            "expression": format!("!{CLAIMS}.check('manage').allowed()"),
        }),
    ]
}

/// Claimers may create these and nothing more; who may update them has other rights there.
pub fn others_pass() -> Value {
    json!({
        "name": "who-has-other-rights-passes",
        "expression": "!authorizer.group(request.resource.group).resource(request.resource.resource)\
                       .namespace(request.namespace).check('update').allowed()",
    })
}

pub fn variable(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression})
}

pub fn me() -> Value {
    variable("me", "request.userInfo.username")
}

pub fn must(expression: impl Into<String>, message: impl Into<String>) -> Value {
    json!({
        "expression": expression.into(),
        "message": message.into(),
        "reason": "Forbidden",
    })
}

pub fn policy(name: &str, spec: Value, parameters: Option<Value>) -> Policy {
    let mut spec = spec;
    spec["failurePolicy"] = json!("Fail");
    (format!("groundcrew-claims-{name}"), spec, parameters)
}

/// Returns a CEL list of strings.
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("[{}]", quoted.join(", "))
}
