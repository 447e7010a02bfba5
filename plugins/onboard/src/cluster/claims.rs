//! The index of claims: which namespaces a user holds with `kubectl ns-claim`.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::tenancy::{CLAIM_INDEX, SYSTEM_NAMESPACE};
use k8s_openapi::api::core::v1::ConfigMap;

use crate::model::user::UserName;

/// Reads who holds which namespace. The server lets nobody claim without a place in the index, and
/// nobody give that place up while the claim lives.
///
/// # Errors
///
/// What the server says.
pub async fn claim_index(session: &Session) -> Result<BTreeMap<String, String>> {
    let records = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let index = records.find(CLAIM_INDEX).await?;
    Ok(index.and_then(|map| map.data).unwrap_or_default())
}

/// Returns the namespaces that a user holds.
#[must_use]
pub fn claimed(index: &BTreeMap<String, String>, user: &UserName) -> Vec<String> {
    let held = index.iter().filter(|(_, holder)| **holder == user.as_str());
    held.map(|(namespace, _)| namespace.clone()).collect()
}
