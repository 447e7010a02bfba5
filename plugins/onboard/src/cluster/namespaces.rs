//! Reads a namespace by its name.

use groundcrew::client::Session;
use groundcrew::error::Result;
use k8s_openapi::api::core::v1::Namespace;

use crate::model::found::FoundNamespace;

/// Reads a namespace; `None` when there is none of that name.
///
/// # Errors
///
/// What the server says.
pub async fn namespace_named(session: &Session, name: &str) -> Result<Option<FoundNamespace>> {
    let found = session.of::<Namespace>().find(name).await?;
    Ok(found.map(|namespace| FoundNamespace {
        terminating: namespace.metadata.deletion_timestamp.is_some(),
        labels: namespace.metadata.labels.clone().unwrap_or_default(),
        annotations: namespace.metadata.annotations.clone().unwrap_or_default(),
        metadata: namespace.metadata,
    }))
}
