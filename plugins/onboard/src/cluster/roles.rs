//! The rules of a role, and who is bound to it.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::write::is_not_found;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, RoleBinding};
use kube::api::Api;

use crate::model::labels;
use crate::model::user::UserName;

/// Reads the rules of a ClusterRole.
///
/// # Errors
///
/// What the server says; usage when there is no such role.
pub async fn rules_of(session: &Session, role: &str) -> Result<Vec<PolicyRule>> {
    let found = Api::<ClusterRole>::all(session.client.clone())
        .get(role)
        .await;
    match found {
        Ok(found) => Ok(found.rules.unwrap_or_default()),
        Err(error) if is_not_found(&error) => {
            Err(Error::usage(format!("there is no ClusterRole {role:?}"))
                .with_hint("the usual ones are view, edit and admin:  kubectl get clusterroles"))
        }
        Err(error) => Err(explain(
            error,
            &Doing::new("get", "clusterroles.rbac.authorization.k8s.io").named(role),
        )),
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

pub async fn binding_named(
    session: &Session,
    namespace: &str,
    name: &str,
) -> Result<Option<RoleBinding>> {
    let api = Api::<RoleBinding>::namespaced(session.client.clone(), namespace);
    api.get_opt(name).await.map_err(|error| {
        let doing = Doing::new("get", "rolebindings.rbac.authorization.k8s.io");
        explain(error, &doing.named(name).within(namespace))
    })
}
