//! The index of claims: which namespaces a user holds with `kubectl ns-claim`.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::tenancy::{CLAIM_INDEX, SYSTEM_NAMESPACE};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;

use crate::model::user::UserName;

/// Reads who holds which namespace. The server lets nobody claim without a place in the index, and
/// nobody give that place up while the claim lives.
///
/// # Errors
///
/// What the server says.
pub async fn claim_index(session: &Session) -> Result<BTreeMap<String, String>> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let doing = Doing::new("get", "configmaps")
        .named(CLAIM_INDEX)
        .within(SYSTEM_NAMESPACE);
    let index = api
        .get_opt(CLAIM_INDEX)
        .await
        .map_err(|error| explain(error, &doing))?;
    Ok(index.and_then(|map| map.data).unwrap_or_default())
}

/// Returns the namespaces that a user holds.
#[must_use]
pub fn claimed(index: &BTreeMap<String, String>, user: &UserName) -> Vec<String> {
    let held = index.iter().filter(|(_, holder)| **holder == user.as_str());
    held.map(|(namespace, _)| namespace.clone()).collect()
}
