//! The guard: policies by which the API server itself keeps claimers to their own claims.
//!
//! A policy watches those who have the virtual right `create claims.groundcrew.dev` (it stands in
//! the claimers' role, so the guard follows the grant whatever the group is called) or, inside a
//! claim, the right `own`; whoever has `manage` passes, so admins keep working. Every refusal is
//! worded for the person who meets it: what is not allowed, and after `; ` what is.

mod contents;
mod index;
mod namespaces;

use groundcrew::client::access::Access;
use serde_json::{Value, json};

use crate::meta;
use crate::settings::Settings;

/// API version of the policies; since Kubernetes 1.30.
const API: &str = "admissionregistration.k8s.io/v1";

const CLAIMS: &str = "authorizer.group('groundcrew.dev').resource('claims')";

/// Clocks of several API servers differ; a claim made at one may be checked at another.
const SLACK_SECONDS: u64 = 60;

/// Returns what the API server wants of whoever writes them: to read all that could be their
/// parameters (`authz.go` of `pkg/registry/admissionregistration`).
pub(super) fn rights_to_parameters() -> [Access; 3] {
    [
        Access::new("get", "configmaps"),
        Access::new("get", "namespaces"),
        Access::new("list", "namespaces"),
    ]
}

/// Returns the policies and their bindings, each policy before its binding.
#[must_use]
pub fn objects(settings: &Settings) -> Vec<Value> {
    let mut objects = Vec::new();
    for (name, spec, parameters) in [
        namespaces::namespaces(settings),
        index::entries(),
        contents::contents(),
        contents::role_bindings(),
        index::index(settings),
        index::release(),
    ] {
        objects.push(json!({
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": metadata(&name),
            "spec": spec,
        }));
        let mut binding = json!({"policyName": name, "validationActions": ["Deny"]});
        if let Some(parameters) = parameters {
            binding["paramRef"] = parameters;
        }
        objects.push(json!({
            "apiVersion": API,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": metadata(&name),
            "spec": binding,
        }));
    }
    objects
}

type Policy = (String, Value, Option<Value>);

fn metadata(name: &str) -> Value {
    json!({"name": name, "labels": {meta::MANAGED_BY.0: meta::MANAGED_BY.1}})
}

fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({
        "apiGroups": [group],
        "apiVersions": ["*"],
        "operations": operations,
        "resources": resources,
        "scope": "*",
    })
}

/// Every field is stated, defaults included, so that an altered policy differs from this one.
fn constraints(rules: &[Value]) -> Value {
    json!({
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": rules,
    })
}

/// Whom a policy watches; `inside` names the namespace that a request is about.
fn watched(inside: &str) -> Vec<Value> {
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
fn others_pass() -> Value {
    json!({
        "name": "who-has-other-rights-passes",
        "expression": "!authorizer.group(request.resource.group).resource(request.resource.resource)\
                       .namespace(request.namespace).check('update').allowed()",
    })
}

fn variable(name: &str, expression: &str) -> Value {
    json!({"name": name, "expression": expression})
}

fn me() -> Value {
    variable("me", "request.userInfo.username")
}

fn must(expression: impl Into<String>, message: impl Into<String>) -> Value {
    json!({
        "expression": expression.into(),
        "message": message.into(),
        "reason": "Forbidden",
    })
}

fn policy(name: &str, spec: Value, parameters: Option<Value>) -> Policy {
    let mut spec = spec;
    spec["failurePolicy"] = json!("Fail");
    (format!("groundcrew-claims-{name}"), spec, parameters)
}

/// Returns a CEL list of strings.
fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_policy_fails_closed_and_denies() {
        let objects = objects(&Settings::default());
        assert_eq!(objects.len(), 12);
        for pair in objects.chunks(2) {
            assert_eq!(pair[0]["spec"]["failurePolicy"], "Fail");
            assert_eq!(pair[1]["spec"]["validationActions"], json!(["Deny"]));
            assert_eq!(pair[1]["spec"]["policyName"], pair[0]["metadata"]["name"]);
        }
    }

    #[test]
    fn every_refusal_says_what_is_allowed() {
        for object in objects(&Settings::default()) {
            for rule in object["spec"]["validations"]
                .as_array()
                .into_iter()
                .flatten()
            {
                let message = rule["message"].as_str().unwrap();
                assert!(message.contains("; "), "{message}");
            }
        }
    }

    #[test]
    fn the_cap_is_the_installations() {
        let settings = Settings {
            max_claims: 7,
            ..Settings::default()
        };
        assert!(index::index(&settings).1.to_string().contains("<= 7"));
        assert!(
            namespaces::namespaces(&settings)
                .1
                .to_string()
                .contains("duration('604860s')")
        );
    }
}
