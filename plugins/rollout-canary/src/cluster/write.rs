//! Sends one patch to the Deployment.

use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::{Error, Result};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::cluster::deployment::deployments;
use crate::cluster::refusal::{is_blind, is_outrun};
use crate::model::target::Target;

/// How a write to the Deployment went.
#[derive(Debug)]
pub enum Written {
    /// As wanted: the Deployment as it is now.
    Done(Box<DynamicObject>),
    /// It was changed in between, or nobody knows: look again, decide again.
    LookAgain,
    /// The server cannot be reached or is busy: wait, look again.
    Blind(String),
}

/// Sends one patch.
///
/// # Errors
///
/// The server's refusal.
pub async fn send(
    session: &Session,
    target: &Target,
    operations: &[Value],
    dry_run: bool,
) -> Result<Written> {
    let content = "application/json-patch+json";
    match patched(session, target, content, &json!(operations), dry_run).await {
        Ok(object) => Ok(Written::Done(Box::new(object))),
        Err(error) if is_outrun(&error) || outcome_unknown(&error) => Ok(Written::LookAgain),
        Err(error) if is_blind(&error) => Ok(Written::Blind(error.to_string())),
        Err(error) => Err(refused(session, target, error)),
    }
}

/// Explains why a patch of the Deployment was refused.
#[must_use]
pub fn refused(session: &Session, target: &Target, error: kube::Error) -> Error {
    deployments(session, &target.namespace).explain("patch", &target.name, error)
}

/// Sends a patch of any kind to the Deployment.
///
/// # Errors
///
/// The server's answer as it is.
pub async fn patched(
    session: &Session,
    target: &Target,
    content: &str,
    patch: &Value,
    dry_run: bool,
) -> kube::Result<DynamicObject> {
    let Target {
        namespace,
        name,
        manager,
    } = target;
    let manager = encoded(manager);
    let dry = if dry_run { "&dryRun=All" } else { "" };
    let path = format!(
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}?fieldManager={manager}{dry}"
    );
    let body = serde_json::to_vec(patch).map_err(kube::Error::SerdeError)?;
    let request = http::Request::patch(path)
        .header(http::header::CONTENT_TYPE, content)
        .body(body)
        .map_err(kube::Error::HttpError)?;
    session.client.request(request).await
}

/// Writes a field manager's name for a query: the API takes any printable text.
#[must_use]
pub fn encoded(manager: &str) -> String {
    let mut text = String::new();
    for byte in manager.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
