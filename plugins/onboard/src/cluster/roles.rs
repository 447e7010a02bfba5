//! The rules of a role, and who is bound to it.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, RoleBinding};

use crate::model::labels;
use crate::model::user::UserName;

/// Reads the rules of a ClusterRole.
///
/// # Errors
///
/// What the server says; usage when there is no such role.
pub async fn rules_of(session: &Session, role: &str) -> Result<Vec<PolicyRule>> {
    match session.of::<ClusterRole>().get(role).await {
        Ok(found) => Ok(found.rules.unwrap_or_default()),
        Err(error) if error.is_not_found() => {
            Err(Error::usage(format!("there is no ClusterRole {role:?}"))
                .with_hint("the usual ones are view, edit and admin:  kubectl get clusterroles"))
        }
        Err(error) => Err(error),
    }
}

/// Reads the user's RoleBinding in one namespace.
///
/// # Errors
///
/// What the server says.
pub async fn binding_of(
    session: &Session,
    namespace: &str,
    user: &UserName,
) -> Result<Option<RoleBinding>> {
    binding_named(session, namespace, &labels::binding_name(user)).await
}

/// Reads a RoleBinding.
///
/// # Errors
///
/// What the server says.
pub async fn binding_named(
    session: &Session,
    namespace: &str,
    name: &str,
) -> Result<Option<RoleBinding>> {
    session.in_(namespace).of::<RoleBinding>().find(name).await
}
