//! Proves that a user who may claim namespaces still cannot hand out roles in their own one.

use groundcrew::client::Session;
use groundcrew::client::errors::explain;
use groundcrew::error::Result;
use groundcrew::write::status;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::PostParams;
use serde_json::json;

use crate::cluster::proof::expected::Expected;
use crate::model::check::Check;

/// Tries to bind a role as the user, as a dry run: RBAC alone allows it to claimers, and the
/// policies of `kubectl ns-claim install` have to refuse. A question about rights would not show it.
///
/// # Errors
///
/// When the server could not be asked.
pub async fn binds_no_roles(holder: &Session, expected: &Expected<'_>) -> Result<Check> {
    let namespace = expected.namespace;
    let name = format!("cannot bind a role in namespace {namespace}");
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"generateName": "onboard-probe-"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Group",
            "name": "system:serviceaccounts",
        }],
    }))
    .unwrap_or_default();
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let bindings = holder.in_(namespace).of::<RoleBinding>();
    match bindings.api().create(&params, &binding).await {
        Ok(_) => Ok(Check::new(
            name,
            Some("the guard of kubectl ns-claim allows it: kubectl ns-claim doctor".to_owned()),
        )),
        Err(error) if status(&error).is_some_and(|status| matches!(status.code, 403 | 422)) => {
            Ok(Check::new(name, None))
        }
        Err(error) => Err(explain(error, &bindings.doing("create"))),
    }
}
