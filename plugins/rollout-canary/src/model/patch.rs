//! Writes to the Deployment: one JSON Patch each, bound to exactly what was seen.

use serde_json::{Value, json};

use crate::model::names::{MARKER, is_hold};
use crate::model::record::Record;
use crate::model::record::form::{Form, Purpose};

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
    let shape = form.shape(&record.original);
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

/// Returns the same without the tests, to be tried on whatever is there.
#[must_use]
pub fn unbound(record: &Record, form: &Form, seen: &Value) -> Vec<Value> {
    let marker = (form.purpose != Purpose::Final).then(|| record.marker(form.id));
    let mut operations: Vec<Value> = mark(marker, seen).into_iter().collect();
    operations.extend(fields(record, form));
    operations
}

/// Returns the patch that tells a driver that was frozen that it is not the driver any more.
#[must_use]
pub fn fence(record: &Record, seen: &Value) -> Vec<Value> {
    let mut operations = tests(seen);
    let marker = &seen["metadata"]["labels"][MARKER];
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
    if labels[MARKER].is_string() {
        let path = pointer(&["metadata", "labels", MARKER]);
        operations.push(json!({"op": "remove", "path": path}));
    }
    let marked = labels[MARKER].is_string();
    let held = is_hold(&seen["spec"]["minReadySeconds"]);
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
    let marker = &seen["metadata"]["labels"][MARKER];
    if marker.is_string() {
        let path = pointer(&["metadata", "labels", MARKER]);
        operations.push(test(&path, marker));
    }
    operations
}

fn mark(marker: Option<String>, seen: &Value) -> Option<Value> {
    let labels = &seen["metadata"]["labels"];
    let path = pointer(&["metadata", "labels", MARKER]);
    match marker {
        Some(marker) if labels.is_object() => {
            Some(json!({"op": "add", "path": path, "value": marker}))
        }
        Some(marker) => {
            let labels = json!({MARKER: marker});
            Some(json!({"op": "add", "path": "/metadata/labels", "value": labels}))
        }
        None => {
            let there = labels[MARKER].is_string();
            there.then(|| json!({"op": "remove", "path": path}))
        }
    }
}
