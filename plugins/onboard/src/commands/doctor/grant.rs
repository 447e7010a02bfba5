//! The grants that a user needs in order to onboard others.

use groundcrew::client::access::{Access, grant_command, grant_manifest};
use groundcrew::error::{Error, Result};
use groundcrew::flags::Format;
use groundcrew::output::json;
use groundcrew::tenancy::SYSTEM_NAMESPACE;

use crate::model::onboarding::options::Issuer;
use crate::model::onboarding::rights;
use crate::model::settings::DEFAULT_ROLE;

/// The ClusterRole and Role that the grants make.
const ROLE: &str = "groundcrew-onboarder";

/// Returns every right that onboarding with any kind of credential needs, and that reading what was
/// onboarded needs. Rights in users' namespaces are cluster-wide: no role can be granted in a
/// namespace that does not exist yet.
pub fn required() -> Vec<Access> {
    const ANY: &str = "any";
    let mut all = Vec::new();
    for issuer in [Issuer::Signer, Issuer::Tokens] {
        all.extend(rights::rights(DEFAULT_ROLE, issuer, ANY));
    }
    for access in &mut all {
        access.namespace.take_if(|namespace| namespace == ANY);
    }
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    all.push(system("list", "configmaps"));
    all.push(system("list", "secrets"));
    all.push(Access::new(
        "create",
        "subjectaccessreviews.authorization.k8s.io",
    ));
    let rbac = "rbac.authorization.k8s.io";
    for resource in [
        "namespaces",
        "resourcequotas",
        "pods",
        "events",
        "replicasets.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "jobs.batch",
        &format!("rolebindings.{rbac}"),
        &format!("clusterrolebindings.{rbac}"),
    ] {
        all.push(Access::new("list", resource));
    }
    let mut seen = Vec::new();
    all.retain(|access| {
        let first = !seen.contains(access);
        seen.push(access.clone());
        first
    });
    all
}

/// Renders the grants: documents to apply, or for people the command that applies them.
///
/// # Errors
///
/// Usage, when the name is not valid.
pub fn grant(user: &str, format: Format) -> Result<String> {
    if user.is_empty() || user.chars().any(char::is_control) {
        return Err(Error::usage(format!("{user:?} is not a valid user name"))
            .with_hint("to see your own user name:  kubectl auth whoami"));
    }
    let required = required();
    match format {
        Format::Yaml => Ok(grant_manifest(&required, user, ROLE)),
        Format::Json => {
            let manifest = grant_manifest(&required, user, ROLE);
            let read = |text| {
                serde_saphyr::from_str::<serde_json::Value>(text)
                    .map_err(|error| Error::failed("cannot write JSON").with_source(error))
            };
            let items = manifest
                .split("\n---\n")
                .map(read)
                .collect::<Result<Vec<_>>>()?;
            json(&serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}))
        }
        Format::Name => Ok(format!("clusterrole/{ROLE}\nclusterrolebinding/{ROLE}\n")),
        Format::Table | Format::Wide => Ok(grant_command(&required, user, ROLE) + "\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grants_are_documents_that_name_the_user_and_the_signer() {
        let text = grant("carol", Format::Json).unwrap();
        let list: serde_json::Value = serde_json::from_str(&text).unwrap();
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 4);
        assert_eq!(items[1]["subjects"][0]["name"], "carol");
        assert!(text.contains("kubernetes.io/kube-apiserver-client"));
        assert!(grant("", Format::Yaml).is_err());
    }

    #[test]
    fn no_right_is_asked_for_twice() {
        let mut all = required();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
