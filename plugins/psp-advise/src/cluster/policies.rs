//! PodSecurityPolicies, roles and bindings of the cluster.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use psp_advise::model::psp::{Policy, Rbac};
use serde_json::{Value, json};

use super::requests::all;

/// Reads PodSecurityPolicies.
///
/// # Errors
///
/// What the server says.
pub async fn policies(session: &Session) -> Result<Vec<Policy>> {
    let path = "/apis/policy/v1beta1/podsecuritypolicies";
    all(session, path, "podsecuritypolicies.policy").await
}

/// Reads roles and bindings.
///
/// # Errors
///
/// What cannot be read; a binding that is left out would change the answer.
pub async fn rbac(session: &Session, rbac: &mut Rbac) -> Result<()> {
    const KINDS: [(&str, &str, &str); 4] = [
        ("roles", "Role", "roles.rbac.authorization.k8s.io"),
        (
            "clusterroles",
            "ClusterRole",
            "clusterroles.rbac.authorization.k8s.io",
        ),
        (
            "rolebindings",
            "RoleBinding",
            "rolebindings.rbac.authorization.k8s.io",
        ),
        (
            "clusterrolebindings",
            "ClusterRoleBinding",
            "clusterrolebindings.rbac.authorization.k8s.io",
        ),
    ];
    for (plural, kind, full) in KINDS {
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{plural}");
        for mut object in all::<Value>(session, &path, full).await? {
            // Items of a list have no kind.
            object["kind"] = json!(kind);
            rbac.add(object).map_err(|error| {
                Error::failed("a role or binding of the cluster cannot be read").with_source(error)
            })?;
        }
    }
    Ok(())
}
