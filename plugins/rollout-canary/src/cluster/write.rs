//! Sends one patch to the Deployment, and says what the refusal means.

use groundcrew::client::errors::explain;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::Result;
use groundcrew::write::{is_conflict, status};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::model::names::FIELD_MANAGER;
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
        Err(error) => Err(explain(error, &target.doing("patch"))),
    }
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
    let Target { namespace, name } = target;
    let dry = if dry_run { "&dryRun=All" } else { "" };
    let path = format!(
        "/apis/apps/v1/namespaces/{namespace}/deployments/{name}?fieldManager={FIELD_MANAGER}{dry}"
    );
    let body = serde_json::to_vec(patch).map_err(kube::Error::SerdeError)?;
    let request = http::Request::patch(path)
        .header(http::header::CONTENT_TYPE, content)
        .body(body)
        .map_err(kube::Error::HttpError)?;
    session.client.request(request).await
}

/// Says whether somebody else was faster: the object has another version, or a `test` of a JSON Patch
/// did not hold.
///
/// That is 422 with the API machinery's own words and nothing more
/// (`apiserver/pkg/endpoints/handlers/patch.go`, `NewGenericServerResponse`). A value that is not
/// allowed is 422 as well, and names its field; an admission webhook says so in its own words.
#[must_use]
pub fn is_outrun(error: &kube::Error) -> bool {
    is_conflict(error)
        || status(error).is_some_and(|status| {
            let causes = status.details.as_ref().map(|details| &details.causes);
            let fields =
                causes.is_some_and(|causes| causes.iter().any(|cause| !cause.field.is_empty()));
            status.code == 422 && !fields && status.message.contains("rejected our request")
        })
}

/// Says whether an error is about reaching the server and not about what was asked.
#[must_use]
pub fn is_blind(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::Service(_) | kube::Error::HyperError(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn error(code: u16, message: &str, field: Option<&str>) -> kube::Error {
        let causes: Vec<Value> = field.iter().map(|field| json!({"field": field})).collect();
        let status: Status = serde_json::from_value(json!({
            "status": "Failure", "code": code, "message": message, "reason": "Invalid",
            "details": {"causes": causes}}))
        .unwrap();
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn only_a_version_or_a_test_that_does_not_hold_is_looked_at_again() {
        let own = "the server rejected our request due to an error in our request";
        assert!(is_outrun(&error(409, "the object has been modified", None)));
        assert!(is_outrun(&error(422, own, None)));
        let invalid = "Deployment.apps \"web\" is invalid";
        assert!(!is_outrun(&error(422, invalid, Some("spec.replicas"))));
        let webhook = "admission webhook \"x\" denied the request: no";
        assert!(!is_outrun(&error(422, webhook, None)));
        assert!(!is_outrun(&error(403, own, None)));
    }
}
