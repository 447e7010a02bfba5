//! What every ValidatingAdmissionPolicy that is made here has in common.

use serde_json::{Value, json};

/// Every container of a pod, for CEL.
pub const CONTAINERS: &str = "object.spec.?initContainers.orValue([]) + object.spec.containers + \
                              object.spec.?ephemeralContainers.orValue([])";

/// Returns a policy about pods that are made and ephemeral containers that come in; no other
/// update changes a field that is looked at.
#[must_use]
pub fn policy(name: &str, variables: &Value, validations: &Value) -> Value {
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
            "validations": validations,
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
