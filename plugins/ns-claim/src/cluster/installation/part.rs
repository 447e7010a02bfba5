//! An object that should be there, how it stands to what is there, and the rights that it takes.

use std::fmt;

use groundcrew::client::access::Access;
use kube::api::DynamicObject;
use serde::Serialize;
use serde_json::Value;

use crate::model::steps::Outcome;

/// Kind, plural and group.
const KINDS: [(&str, &str, &str); 10] = [
    ("Namespace", "namespaces", ""),
    ("ConfigMap", "configmaps", ""),
    ("ServiceAccount", "serviceaccounts", ""),
    ("ClusterRole", "clusterroles", RBAC),
    ("Role", "roles", RBAC),
    ("ClusterRoleBinding", "clusterrolebindings", RBAC),
    ("RoleBinding", "rolebindings", RBAC),
    (
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        ADMISSION,
    ),
    (
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        ADMISSION,
    ),
    ("CronJob", "cronjobs", "batch"),
];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

/// How an object stands to what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// As it should be.
    Ok,
    /// Not there.
    Missing,
    /// There, and different.
    Altered,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Altered => "altered",
        })
    }
}

/// An object that should be there, and what is there.
#[derive(Debug)]
pub struct Part {
    /// What should be there.
    pub wanted: Value,
    /// What is.
    pub found: Option<DynamicObject>,
    /// How the two compare.
    pub standing: Standing,
}

impl Part {
    /// Returns `kind/name` as people read it.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.wanted)
    }

    /// Returns the right that it takes to make it what it should be; none when nothing is to do.
    #[must_use]
    pub fn right_to_put(&self) -> Option<Access> {
        let kind = word(&self.wanted, "kind");
        let verb = match self.standing {
            Standing::Ok => return None,
            Standing::Missing => "create",
            Standing::Altered if kind == "ConfigMap" => "patch",
            Standing::Altered => "update",
        };
        Some(self.right_to(verb))
    }

    /// Returns the right that it takes to delete what is there; none when nothing is.
    #[must_use]
    pub fn right_to_delete(&self) -> Option<Access> {
        self.found.as_ref().map(|_| self.right_to("delete"))
    }

    /// Says whether it is a role.
    #[must_use]
    pub fn is_role(&self) -> bool {
        matches!(word(&self.wanted, "kind"), "ClusterRole" | "Role")
    }

    /// Says whether it binds a role.
    #[must_use]
    pub fn binds(&self, role: &Self) -> bool {
        let reference = &self.wanted["roleRef"];
        word(reference, "kind") == word(&role.wanted, "kind")
            && word(reference, "name") == role.name()
    }

    /// Returns the right that it takes to bind this role without having what it gives.
    #[must_use]
    pub fn right_to_bind(&self) -> Access {
        self.right_to("bind")
    }

    /// Returns the right that it takes to make this role without having what it gives.
    #[must_use]
    pub fn right_to_escalate(&self) -> Access {
        self.right_to("escalate")
    }

    /// Returns what this role gives; its rules have no wildcards.
    #[must_use]
    pub fn rights_inside(&self) -> Vec<Access> {
        let words = |value: &Value| -> Vec<String> {
            let words = value.as_array().into_iter().flatten();
            words.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mut rights = Vec::new();
        for rule in self.wanted["rules"].as_array().into_iter().flatten() {
            let names = words(&rule["resourceNames"]);
            let names = if names.is_empty() {
                vec![None]
            } else {
                names.into_iter().map(Some).collect()
            };
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    for verb in words(&rule["verbs"]) {
                        rights.extend(names.iter().map(|name| {
                            Access {
                                verb: verb.clone(),
                                group: group.clone(),
                                resource: resource.clone(),
                                subresource: None,
                                name: name.clone(),
                                namespace: self.wanted["metadata"]["namespace"]
                                    .as_str()
                                    .map(str::to_owned),
                            }
                        }));
                    }
                }
            }
        }
        rights
    }

    fn right_to(&self, verb: &'static str) -> Access {
        let (_, plural, group) = kind(&self.wanted);
        Access {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: plural.to_owned(),
            subresource: None,
            name: Some(self.name().to_owned()),
            namespace: self.wanted["metadata"]["namespace"]
                .as_str()
                .map(str::to_owned),
        }
    }

    /// Returns what becomes of it when it is made what it should be.
    #[must_use]
    pub fn put(&self) -> Outcome {
        match self.standing {
            Standing::Ok => Outcome::Unchanged,
            Standing::Missing => Outcome::Created,
            Standing::Altered => Outcome::Configured,
        }
    }

    /// Returns what becomes of it when it is removed.
    #[must_use]
    pub fn removal(&self) -> Outcome {
        match &self.found {
            Some(_) => Outcome::Deleted,
            None => Outcome::Unchanged,
        }
    }

    /// Says whether nothing is to be done.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.standing == Standing::Ok
    }

    /// Returns the name of what should be there.
    #[must_use]
    pub fn name(&self) -> &str {
        word(&self.wanted["metadata"], "name")
    }

    /// Returns the policy that a binding of one is for.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        self.wanted["spec"]["policyName"].as_str()
    }

    /// Says whether it is part of the guard.
    #[must_use]
    pub fn is_guard(&self) -> bool {
        word(&self.wanted, "kind").starts_with("ValidatingAdmissionPolicy")
    }
}

/// Returns the text under a key; empty when there is none.
pub fn word<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

fn title(object: &Value) -> String {
    let name = word(&object["metadata"], "name");
    let kind = word(object, "kind").to_lowercase();
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("{kind}/{namespace}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// Returns the kind of an object with its plural and its group.
pub fn kind(object: &Value) -> (&'static str, &'static str, &'static str) {
    let kind = word(object, "kind");
    let mut kinds = KINDS.iter().copied();
    kinds.find(|(name, _, _)| *name == kind).unwrap_or_default()
}

/// Says whether what is there is what should be.
///
/// Rights and policies have to be equal: one rule more is another role, and a selector more
/// another guard. Elsewhere the server fills in defaults, and nothing may differ from what is
/// given.
pub fn is_as_wanted(wanted: &Value, found: &Value) -> bool {
    let kind = word(wanted, "kind");
    let exact = kind.contains("Role") || kind.starts_with("ValidatingAdmissionPolicy");
    let mut parts = wanted.as_object().into_iter().flatten();
    parts.all(|(key, value)| match key.as_str() {
        "apiVersion" | "kind" => true,
        "metadata" => {
            kind == "Namespace"
                || (holds(&value["labels"], &found[key]["labels"])
                    && holds(&value["annotations"], &found[key]["annotations"]))
        }
        _ if exact => found[key] == *value,
        _ => holds(value, &found[key]),
    })
}

/// Says whether everything in `wanted` is in `found`; lists have to be as long.
fn holds(wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (Value::Null, _) => true,
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .all(|(key, value)| found.get(key).is_some_and(|found| holds(value, found))),
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len()
                && wanted
                    .iter()
                    .zip(found)
                    .all(|(wanted, found)| holds(wanted, found))
        }
        (wanted, found) => wanted == found,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_with_one_rule_more_is_altered() {
        let role = json!({"kind": "Role", "metadata": {"labels": {"a": "b"}}, "rules": [1]});
        let mut found = role.clone();
        found["metadata"]["labels"]["c"] = json!("d");
        assert!(is_as_wanted(&role, &found));
        found["rules"] = json!([1, 2]);
        assert!(!is_as_wanted(&role, &found));
    }

    #[test]
    fn a_policy_that_excludes_something_is_altered() {
        let policy = json!({"kind": "ValidatingAdmissionPolicy", "spec": {"matchConstraints": {}}});
        let mut found = policy.clone();
        assert!(is_as_wanted(&policy, &found));
        found["spec"]["matchConstraints"]["excludeResourceRules"] = json!([{}]);
        assert!(!is_as_wanted(&policy, &found));
    }

    #[test]
    fn defaults_of_a_cron_job_are_no_change_and_another_image_is() {
        let job = json!({"kind": "CronJob", "spec": {"containers": [{"image": "a"}]}});
        let mut found = json!({"kind": "CronJob", "spec": {
            "suspend": false, "containers": [{"image": "a", "terminationMessagePath": "x"}],
        }});
        assert!(is_as_wanted(&job, &found));
        found["spec"]["containers"][0]["image"] = json!("b");
        assert!(!is_as_wanted(&job, &found));
    }
}
