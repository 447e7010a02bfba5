//! Which resources the API server serves.

use groundcrew::client::Session;
use groundcrew::client::errors::failed;
use groundcrew::error::Result;
use kube::api::ApiResource;
use kube::core::discovery::v2::{APIGroupDiscovery, APIResourceDiscovery};

/// Every namespaced resource type, one version of each.
#[derive(Debug, Default)]
pub struct Served {
    /// Types in the order in which the server names them.
    pub types: Vec<Type>,
    /// API groups that the server could not ask: their types are unknown.
    pub unknown: Vec<String>,
}

/// A namespaced resource type.
#[derive(Clone, Debug)]
pub struct Type {
    /// Group, version, kind and plural.
    pub resource: ApiResource,
    /// What can be done with it: `get`, `list`, …
    pub verbs: Vec<String>,
    /// Its subresources with their verbs: `log`, `exec`, …
    pub subresources: Vec<(String, Vec<String>)>,
}

impl Type {
    /// Returns `deployments.apps`.
    #[must_use]
    pub fn name(&self) -> String {
        let ApiResource { plural, group, .. } = &self.resource;
        if group.is_empty() {
            plural.clone()
        } else {
            format!("{plural}.{group}")
        }
    }

    /// Returns whether its objects can be listed.
    #[must_use]
    pub fn can_be_listed(&self) -> bool {
        self.verbs.iter().any(|verb| verb == "list")
    }
}

/// Asks what is served: two requests, since Kubernetes 1.27.
///
/// # Errors
///
/// What the server says.
pub async fn namespaced(session: &Session) -> Result<Served> {
    let (core, groups) = futures::future::try_join(
        session.client.list_core_api_versions_aggregated(),
        session.client.list_api_groups_aggregated(),
    )
    .await
    .map_err(failed("get", "/apis"))?;
    let mut served = Served::default();
    for group in core.items.into_iter().chain(groups.items) {
        served.add(&group);
    }
    Ok(served)
}

impl Served {
    fn add(&mut self, group: &APIGroupDiscovery) {
        let name = group
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.name.clone())
            .unwrap_or_default();
        for version in &group.versions {
            let word = version.version.clone().unwrap_or_default();
            if version.freshness.as_deref() == Some("Stale") {
                self.unknown.push(format!("{name}/{word}"));
            }
            for found in &version.resources {
                let plural = found.resource.as_deref().unwrap_or_default();
                // The preferred version comes first, and the objects are the same in each.
                let known = self
                    .types
                    .iter()
                    .any(|known| known.resource.plural == plural && known.resource.group == name);
                if found.scope.as_deref() == Some("Namespaced") && !known {
                    self.types.push(type_of(&name, &word, found));
                }
            }
        }
    }
}

fn type_of(group: &str, version: &str, found: &APIResourceDiscovery) -> Type {
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    let kind = found.response_kind.as_ref();
    Type {
        resource: ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version,
            kind: kind.and_then(|kind| kind.kind.clone()).unwrap_or_default(),
            plural: found.resource.clone().unwrap_or_default(),
        },
        verbs: found.verbs.clone(),
        subresources: found
            .subresources
            .iter()
            .map(|sub| {
                let name = sub.subresource.clone().unwrap_or_default();
                (name, sub.verbs.clone())
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_of_each_type_and_what_is_stale_is_unknown() {
        let text = serde_json::json!({
            "metadata": {"name": "apps"},
            "versions": [
                {"version": "v1", "freshness": "Current", "resources": [
                    {"resource": "deployments", "scope": "Namespaced", "verbs": ["get", "list"],
                     "responseKind": {"group": "", "version": "", "kind": "Deployment"},
                     "subresources": [{"subresource": "scale", "verbs": ["patch"],
                        "responseKind": {"group": "", "version": "", "kind": "Scale"}}]},
                    {"resource": "clusterthings", "scope": "Cluster", "verbs": ["get"]},
                ]},
                {"version": "v1beta1", "freshness": "Stale", "resources": [
                    {"resource": "deployments", "scope": "Namespaced", "verbs": ["get"]},
                ]},
            ],
        });
        let mut served = Served::default();
        served.add(&serde_json::from_value(text).unwrap());
        let names: Vec<String> = served.types.iter().map(Type::name).collect();
        assert_eq!(names, ["deployments.apps"]);
        let only = &served.types[0];
        assert_eq!(only.resource.api_version, "apps/v1");
        assert_eq!(
            only.subresources,
            [("scale".to_owned(), vec!["patch".to_owned()])]
        );
        assert_eq!(served.unknown, ["apps/v1beta1"]);
    }
}
