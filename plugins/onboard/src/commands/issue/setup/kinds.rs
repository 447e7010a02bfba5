//! Checks every object against what the server serves, before anything is written.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::errors::failed;
use groundcrew::error::Result;
use groundcrew::write::is_not_found;
use kube::api::ApiResource;
use kube::core::GroupVersion;
use kube::discovery;
use kube::discovery::{ApiCapabilities, Scope, verbs};

use crate::commands::issue::setup::manifest::{Manifest, Setup, wrong};

type Kinds = Vec<(ApiResource, ApiCapabilities)>;

/// Returns what the server calls the kind of each manifest: one request for each API version.
pub async fn resolve(
    session: &Session,
    setup: &Setup,
    namespace: &str,
) -> Result<Vec<ApiResource>> {
    let mut served: BTreeMap<&str, Kinds> = BTreeMap::new();
    for manifest in &setup.manifests {
        let version = manifest.api_version.as_str();
        if !served.contains_key(version) {
            served.insert(version, kinds(session, version).await?);
        }
    }
    let mut resources = Vec::new();
    let mut problems = Vec::new();
    for manifest in &setup.manifests {
        let kinds = &served[manifest.api_version.as_str()];
        match fits(manifest, kinds, namespace) {
            Ok(resource) => resources.push(resource),
            Err(why) => problems.push(format!("{}: {why}", manifest.place())),
        }
    }
    if problems.is_empty() {
        Ok(resources)
    } else {
        Err(wrong(&setup.directory, problems))
    }
}

/// Returns the kinds of an API version; none when it is not served.
async fn kinds(session: &Session, version: &str) -> Result<Kinds> {
    let Ok(asked) = version.parse::<GroupVersion>() else {
        return Ok(Vec::new());
    };
    match discovery::pinned_group(&session.client, &asked).await {
        Ok(group) => Ok(group.versioned_resources(&asked.version)),
        Err(error) if is_not_found(&error) => Ok(Vec::new()),
        Err(error) => Err(failed("get", format!("/apis/{version}"))(error)),
    }
}

fn fits(manifest: &Manifest, kinds: &Kinds, namespace: &str) -> Result<ApiResource, String> {
    let Manifest {
        kind, api_version, ..
    } = manifest;
    let found = kinds.iter().find(|(resource, _)| resource.kind == *kind);
    let Some((resource, can)) = found else {
        return Err(format!(
            "the server knows no kind {kind:?} in {api_version}"
        ));
    };
    let object = manifest.object();
    if can.scope == Scope::Cluster {
        return Err(format!(
            "{object} is cluster-scoped; only the user's namespace is set up"
        ));
    }
    if !can.supports_operation(verbs::PATCH) {
        return Err(format!("{object} is of a kind that cannot be applied"));
    }
    match &manifest.namespace {
        Some(other) if other != namespace => Err(format!(
            "{object} is for namespace {other:?}; the user's is {namespace:?}"
        )),
        _ => Ok(resource.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn manifest(kind: &str, namespace: Option<&str>) -> Manifest {
        Manifest {
            file: "a.yaml".into(),
            line: 1,
            api_version: "v1".into(),
            kind: kind.into(),
            name: "a".into(),
            namespace: namespace.map(str::to_owned),
            value: Value::Null,
        }
    }

    fn served(kind: &str, scope: Scope, verbs: &[&str]) -> (ApiResource, ApiCapabilities) {
        let resource = ApiResource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: kind.into(),
            plural: format!("{}s", kind.to_lowercase()),
        };
        let can = ApiCapabilities {
            scope,
            subresources: Vec::new(),
            operations: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        };
        (resource, can)
    }

    #[test]
    fn only_what_lives_in_the_namespace_and_can_be_applied_fits() {
        let kinds = vec![
            served("Pod", Scope::Namespaced, &["create", "patch"]),
            served("Binding", Scope::Namespaced, &["create"]),
            served("Namespace", Scope::Cluster, &["create", "patch"]),
        ];
        let why = |kind: &str, namespace: Option<&str>| {
            fits(&manifest(kind, namespace), &kinds, "alice").err()
        };
        assert_eq!(why("Pod", None), None);
        assert_eq!(why("Pod", Some("alice")), None);
        assert!(why("Pod", Some("bob")).is_some_and(|why| why.contains("\"bob\"")));
        assert!(why("Pot", None).is_some_and(|why| why.contains("no kind \"Pot\"")));
        assert!(why("Binding", None).is_some_and(|why| why.contains("cannot be applied")));
        assert!(why("Namespace", None).is_some_and(|why| why.contains("cluster-scoped")));
    }
}
