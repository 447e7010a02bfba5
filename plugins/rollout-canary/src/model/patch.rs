//! Writes to the Deployment: one JSON Patch each, bound to exactly what was seen.

use groundcrew::client::errors::explain;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::error::Result;
use groundcrew::write::{is_conflict, status};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::cli::FIELD_MANAGER;
use crate::meta;
use crate::observe::Target;
use crate::record::{Form, Purpose, Record};

/// Returns a JSON Pointer (RFC 6901).
#[must_use]
pub fn pointer(parts: &[&str]) -> String {
    parts
        .iter()
        .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
        .collect()
}

/// Returns the operations that bring `spec` into a form.
#[must_use]
pub fn fields(record: &Record, form: &Form) -> Vec<Value> {
    let shape = form.shape(record);
    let set = |path: &str, value: Value| json!({"op": "add", "path": path, "value": value});
    let mut operations = vec![
        // Zero, false and null are what the server shows as absent.
        set("/spec/minReadySeconds", json!(shape.min_ready)),
        set("/spec/progressDeadlineSeconds", json!(shape.deadline)),
        set("/spec/paused", json!(shape.paused)),
        set("/spec/strategy", shape.strategy.clone()),
    ];
    if let Some(template) = record.template(form.template) {
        operations.push(set("/spec/template", template.clone()));
    }
    operations
}

/// Returns the whole patch: tests of what was seen, the marker, the fields.
#[must_use]
pub fn patch(record: &Record, form: &Form, seen: &Value) -> Vec<Value> {
    let mut operations = tests(seen);
    let marker = (form.purpose != Purpose::Final).then(|| record.marker(form.id));
    operations.extend(mark(marker, seen));
    operations.extend(fields(record, form));
    operations
}

/// Returns the patch that tells a driver that was frozen that it is not the driver any more.
#[must_use]
pub fn fence(record: &Record, seen: &Value) -> Vec<Value> {
    let mut operations = tests(seen);
    let marker = &seen["metadata"]["labels"][meta::MARKER];
    let form = marker.as_str().and_then(|marker| record.marked(marker));
    operations.extend(mark(form.map(|form| record.marker(form)), seen));
    operations
}

/// Returns the patch that puts another template into a Deployment that nobody drives.
#[must_use]
pub fn retemplate(seen: &Value, template: &Value) -> Vec<Value> {
    let mut operations = tests(seen);
    operations.push(json!({"op": "add", "path": "/spec/template", "value": template}));
    operations
}

/// What is put back where a hold has no record: what the stable ReplicaSet still says.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// The name of that ReplicaSet.
    pub set: String,
    /// Its template.
    pub template: Value,
    /// Its minReadySeconds.
    pub min_ready: i64,
}

/// Returns the patch that ends a canary of which nothing is known: the marker goes, the template
/// from before is put back where it is known, what is paused goes on, minReadySeconds and the
/// deadline become what the stable ReplicaSet says or the API's defaults if they held, and nothing
/// may be unavailable on the way.
#[must_use]
pub fn let_go(seen: &Value, before: Option<&Before>) -> Vec<Value> {
    let mut operations = tests(seen);
    let labels = &seen["metadata"]["labels"];
    if labels[meta::MARKER].is_string() {
        let path = pointer(&["metadata", "labels", meta::MARKER]);
        operations.push(json!({"op": "remove", "path": path}));
    }
    let marked = labels[meta::MARKER].is_string();
    let held = seen["spec"]["minReadySeconds"] == meta::HOLD_SECONDS;
    if marked || held {
        let strategy = json!({"type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}});
        operations.extend([
            json!({"op": "add", "path": "/spec/strategy", "value": strategy}),
            json!({"op": "add", "path": "/spec/paused", "value": false}),
        ]);
    }
    if held {
        let seconds = before.map_or(0, |before| before.min_ready);
        operations.extend([
            json!({"op": "add", "path": "/spec/minReadySeconds", "value": seconds}),
            json!({"op": "add", "path": "/spec/progressDeadlineSeconds",
                "value": seconds.saturating_add(DEADLINE)}),
        ]);
    }
    if let Some(before) = before {
        operations.push(json!({"op": "add", "path": "/spec/template", "value": before.template}));
    }
    operations
}

/// The API's default of `progressDeadlineSeconds`.
const DEADLINE: i64 = 600;

fn test(path: &str, value: &Value) -> Value {
    json!({"op": "test", "path": path, "value": value})
}

/// Returns the operations that bind a patch to an object exactly as it was seen.
#[must_use]
pub fn bound_to(seen: &Value) -> Vec<Value> {
    let metadata = &seen["metadata"];
    vec![
        test("/metadata/uid", &metadata["uid"]),
        test("/metadata/resourceVersion", &metadata["resourceVersion"]),
    ]
}

fn tests(seen: &Value) -> Vec<Value> {
    let mut operations = bound_to(seen);
    let marker = &seen["metadata"]["labels"][meta::MARKER];
    if marker.is_string() {
        let path = pointer(&["metadata", "labels", meta::MARKER]);
        operations.push(test(&path, marker));
    }
    operations
}

fn mark(marker: Option<String>, seen: &Value) -> Option<Value> {
    let labels = &seen["metadata"]["labels"];
    let path = pointer(&["metadata", "labels", meta::MARKER]);
    match marker {
        Some(marker) if labels.is_object() => {
            Some(json!({"op": "add", "path": path, "value": marker}))
        }
        Some(marker) => {
            let labels = json!({meta::MARKER: marker});
            Some(json!({"op": "add", "path": "/metadata/labels", "value": labels}))
        }
        None => {
            let there = labels[meta::MARKER].is_string();
            there.then(|| json!({"op": "remove", "path": path}))
        }
    }
}

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
