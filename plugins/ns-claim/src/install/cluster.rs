//! Objects of any kind: read, compare, write.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::write::{is_conflict, is_not_found};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, PostParams, Preconditions};
use kube::core::GroupVersionKind;
use serde::Serialize;
use serde_json::Value;

use crate::FIELD_MANAGER;

/// Kind, plural, and the resource as errors name it.
const KINDS: [(&str, &str, &str); 10] = [
    ("Namespace", "namespaces", "namespaces"),
    ("ConfigMap", "configmaps", "configmaps"),
    ("ServiceAccount", "serviceaccounts", "serviceaccounts"),
    (
        "ClusterRole",
        "clusterroles",
        "clusterroles.rbac.authorization.k8s.io",
    ),
    ("Role", "roles", "roles.rbac.authorization.k8s.io"),
    (
        "ClusterRoleBinding",
        "clusterrolebindings",
        "clusterrolebindings.rbac.authorization.k8s.io",
    ),
    (
        "RoleBinding",
        "rolebindings",
        "rolebindings.rbac.authorization.k8s.io",
    ),
    (
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
        "validatingadmissionpolicies.admissionregistration.k8s.io",
    ),
    (
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
        "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    ),
    ("CronJob", "cronjobs", "cronjobs.batch"),
];

/// How an object stands to what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// As it should be.
    Unchanged,
    /// Not there.
    Missing,
    /// There, and different.
    Altered,
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

    /// Says whether it belongs to the guard.
    #[must_use]
    pub fn is_guard(&self) -> bool {
        word(&self.wanted, "kind").starts_with("ValidatingAdmissionPolicy")
    }
}

fn word<'a>(object: &'a Value, key: &str) -> &'a str {
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

fn api(session: &Session, object: &Value) -> (Api<DynamicObject>, &'static str) {
    let kind = word(object, "kind");
    let version = word(object, "apiVersion");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let (_, plural, resource) = KINDS
        .iter()
        .find(|(name, _, _)| *name == kind)
        .copied()
        .unwrap_or(("", "", ""));
    let resource_type =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural);
    let client = session.client.clone();
    let api = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource_type),
        None => Api::all_with(client, &resource_type),
    };
    (api, resource)
}

fn doing(verb: &'static str, resource: &'static str, object: &Value) -> Doing {
    let doing = Doing::new(verb, resource).named(word(&object["metadata"], "name"));
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => doing.within(namespace),
        None => doing,
    }
}

/// Reads what is there and compares.
///
/// # Errors
///
/// What the server says; a kind that it does not know is a missing object.
pub async fn look(session: &Session, wanted: Value) -> Result<Part> {
    let (api, resource) = api(session, &wanted);
    let found = match api.get_opt(word(&wanted["metadata"], "name")).await {
        Ok(found) => found,
        Err(error) if is_not_found(&error) => None,
        Err(error) => return Err(explain(error, &doing("get", resource, &wanted))),
    };
    let standing = match &found {
        None => Standing::Missing,
        Some(found) => {
            let found = serde_json::to_value(found)
                .map_err(|error| Error::failed("an answer cannot be read").with_source(error))?;
            if is_as_wanted(&wanted, &found) {
                Standing::Unchanged
            } else {
                Standing::Altered
            }
        }
    };
    Ok(Part {
        wanted,
        found,
        standing,
    })
}

/// Makes an object, or puts back what it should be; both only over what was read.
///
/// # Errors
///
/// What the server says.
pub async fn put(session: &Session, part: &Part) -> Result<()> {
    let (api, resource) = api(session, &part.wanted);
    let params = PostParams {
        dry_run: false,
        field_manager: Some(FIELD_MANAGER.to_owned()),
    };
    let mut object: DynamicObject = serde_json::from_value(part.wanted.clone())
        .map_err(|error| Error::failed("an object cannot be written").with_source(error))?;
    let kind = word(&part.wanted, "kind");
    match &part.found {
        None => match api.create(&params, &object).await {
            Ok(_) => Ok(()),
            // Another install was faster with the same.
            Err(error) if is_conflict(&error) => Ok(()),
            Err(error) => Err(explain(error, &doing("create", resource, &part.wanted))),
        },
        // Its labels may be the owner's; that it is there is enough.
        Some(_) if kind == "Namespace" => Ok(()),
        Some(_) if kind == "ConfigMap" => {
            let patch = kube::api::Patch::Merge(serde_json::json!({
                "metadata": {
                    "labels": part.wanted["metadata"]["labels"],
                    "annotations": part.wanted["metadata"]["annotations"],
                },
            }));
            let params = kube::api::PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..kube::api::PatchParams::default()
            };
            let name = word(&part.wanted["metadata"], "name");
            let patched = api.patch(name, &params, &patch).await;
            patched
                .map(drop)
                .map_err(|error| explain(error, &doing("patch", resource, &part.wanted)))
        }
        Some(found) => {
            // A role's reference cannot be changed, only made anew.
            if part.wanted["roleRef"] != Value::Null
                && found.data.get("roleRef") != Some(&part.wanted["roleRef"])
            {
                delete(session, part).await?;
                let made = api.create(&params, &object).await;
                return made
                    .map(drop)
                    .map_err(|error| explain(error, &doing("create", resource, &part.wanted)));
            }
            object
                .metadata
                .resource_version
                .clone_from(&found.metadata.resource_version);
            object.metadata.uid.clone_from(&found.metadata.uid);
            let name = word(&part.wanted["metadata"], "name");
            let replaced = api.replace(name, &params, &object).await;
            replaced
                .map(drop)
                .map_err(|error| explain(error, &doing("update", resource, &part.wanted)))
        }
    }
}

/// Deletes exactly what was read; `false` when it was not there.
///
/// # Errors
///
/// What the server says.
pub async fn delete(session: &Session, part: &Part) -> Result<bool> {
    let Some(found) = &part.found else {
        return Ok(false);
    };
    let (api, resource) = api(session, &part.wanted);
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: found.metadata.uid.clone(),
            // Controllers write the status of these at any time; the UID says which is meant.
            resource_version: None,
        }),
        propagation_policy: Some(kube::api::PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    match api
        .delete(word(&part.wanted["metadata"], "name"), &params)
        .await
    {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(explain(error, &doing("delete", resource, &part.wanted))),
    }
}

/// Says whether what is there is what should be.
///
/// Rights and policies have to be equal: one rule more is another role, and a selector more
/// another guard. Elsewhere the server fills in defaults, and nothing may differ from what is
/// stated.
fn is_as_wanted(wanted: &Value, found: &Value) -> bool {
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
