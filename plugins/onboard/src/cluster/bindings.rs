//! Every binding of the cluster.

use groundcrew::client::Session;
use groundcrew::error::Result;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};

use crate::model::identity::Binding;

/// Lists every binding of the cluster.
///
/// # Errors
///
/// What the server says.
pub async fn bindings(session: &Session) -> Result<Vec<Binding>> {
    let roles = session.everywhere::<RoleBinding>();
    let cluster_roles = session.of::<ClusterRoleBinding>();
    let (roles, cluster_roles) =
        futures::future::try_join(roles.list(), cluster_roles.list()).await?;
    let roles = roles.into_iter().map(Binding::from);
    Ok(roles
        .chain(cluster_roles.into_iter().map(Binding::from))
        .collect())
}
