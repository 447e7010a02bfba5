//! Reads a namespace by its name.

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;

use crate::model::found::FoundNamespace;

/// Reads a namespace; `None` when there is none of that name.
///
/// # Errors
///
/// What the server says.
pub async fn namespace_named(session: &Session, name: &str) -> Result<Option<FoundNamespace>> {
    let found = Api::<Namespace>::all(session.client.clone())
        .get_opt(name)
        .await
        .map_err(|error| explain(error, &Doing::new("get", "namespaces").named(name)))?;
    Ok(found.map(|namespace| FoundNamespace {
        terminating: namespace.metadata.deletion_timestamp.is_some(),
        labels: namespace.metadata.labels.clone().unwrap_or_default(),
        annotations: namespace.metadata.annotations.clone().unwrap_or_default(),
        metadata: namespace.metadata,
    }))
}
