//! Bindings that name service accounts of a namespace that is not there: the user who creates a
//! namespace of that name creates the accounts, and has their rights.

use std::collections::BTreeSet;

use groundcrew::client::Session;
use groundcrew::error::Result;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, Subject};
use kube::api::ListParams;

/// A binding and the namespace whose accounts it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// `kind/name`, or `kind/namespace/name`.
    pub binding: String,
    /// The namespace that is not there.
    pub namespace: String,
    /// The role that it gives.
    pub role: String,
}

/// Returns the namespaces whose service accounts a subject is.
fn of(subject: &Subject, here: Option<&str>) -> Option<String> {
    match subject.kind.as_str() {
        "ServiceAccount" => subject
            .namespace
            .clone()
            .or_else(|| here.map(str::to_owned)),
        "Group" => subject
            .name
            .strip_prefix("system:serviceaccounts:")
            .map(str::to_owned),
        "User" => {
            let rest = subject.name.strip_prefix("system:serviceaccount:")?;
            rest.split_once(':')
                .map(|(namespace, _)| namespace.to_owned())
        }
        _ => None,
    }
}

fn missing(
    subjects: Option<&[Subject]>,
    here: Option<&str>,
    there: &BTreeSet<String>,
) -> BTreeSet<String> {
    let subjects = subjects.unwrap_or_default().iter();
    let named = subjects.filter_map(|subject| of(subject, here));
    named
        .filter(|namespace| !there.contains(namespace))
        .collect()
}

/// Looks through all bindings of the cluster.
///
/// # Errors
///
/// What the server says.
pub async fn look(session: &Session) -> Result<Vec<Dangling>> {
    // The namespaces last: one that is made in between is there.
    let cluster = session.of::<ClusterRoleBinding>().list().await?;
    let inside = session.everywhere::<RoleBinding>().list().await?;
    let all = session
        .of::<Namespace>()
        .list_metadata(&ListParams::default())
        .await?;
    let there: BTreeSet<String> = all
        .into_iter()
        .filter_map(|metadata| metadata.name)
        .collect();
    let mut found = Vec::new();
    for binding in cluster {
        let name = binding.metadata.name.unwrap_or_default();
        for namespace in missing(binding.subjects.as_deref(), None, &there) {
            found.push(Dangling {
                binding: format!("clusterrolebinding/{name}"),
                namespace,
                role: binding.role_ref.name.clone(),
            });
        }
    }
    for binding in inside {
        let name = binding.metadata.name.unwrap_or_default();
        let here = binding.metadata.namespace.unwrap_or_default();
        for namespace in missing(binding.subjects.as_deref(), Some(&here), &there) {
            found.push(Dangling {
                binding: format!("rolebinding/{here}/{name}"),
                namespace,
                role: binding.role_ref.name.clone(),
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_of_a_namespace_are_named_in_three_ways() {
        let subject = |value| serde_json::from_value::<Subject>(value).unwrap();
        for (value, wanted) in [
            (
                json!({"kind": "ServiceAccount", "name": "d", "namespace": "old"}),
                Some("old"),
            ),
            (json!({"kind": "ServiceAccount", "name": "d"}), Some("here")),
            (
                json!({"kind": "Group", "name": "system:serviceaccounts:old"}),
                Some("old"),
            ),
            (
                json!({"kind": "Group", "name": "system:serviceaccounts"}),
                None,
            ),
            (
                json!({"kind": "User", "name": "system:serviceaccount:old:d"}),
                Some("old"),
            ),
            (json!({"kind": "User", "name": "ana"}), None),
        ] {
            assert_eq!(
                of(&subject(value.clone()), Some("here")).as_deref(),
                wanted,
                "{value}"
            );
        }
    }
}
