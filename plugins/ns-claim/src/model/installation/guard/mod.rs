//! The guard: policies by which the API server itself keeps claimers to their own claims.
//!
//! A policy watches users with the virtual right `create claims.groundcrew.dev` (it is in the
//! claimers' role, so the guard follows the grant, whatever the group is called) or, inside a claim,
//! the right `own`; users with `manage` pass, so admins keep working. Every refusal is worded for the
//! user who meets it: what is not allowed, and after `; ` what is.

mod cel;
mod contents;
pub mod index;
pub mod namespaces;

use serde_json::{Value, json};

use crate::model::meta;
use crate::model::settings::Settings;

/// API version of the policies; since Kubernetes 1.30.
const API: &str = "admissionregistration.k8s.io/v1";

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
        namespaces::names(),
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

fn metadata(name: &str) -> Value {
    json!({"name": name, "labels": {meta::MANAGED_BY.0: meta::MANAGED_BY.1}})
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
