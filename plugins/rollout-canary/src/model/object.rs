//! Fields of objects that are kept as JSON.

use serde_json::Value;

use crate::model::names::{HASH, REVISION};

/// Returns a ReplicaSet's hash.
#[must_use]
pub fn hash(set: &Value) -> &str {
    text(&set["metadata"]["labels"][HASH])
}

/// Returns a ReplicaSet's `spec.replicas`.
#[must_use]
pub fn size(set: &Value) -> i32 {
    number(&set["spec"]["replicas"]).unwrap_or(1)
}

/// Returns a text, empty when there is none.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| i32::try_from(number).ok())
}

pub fn is_owned(object: &Value, uid: &str) -> bool {
    object["metadata"]["ownerReferences"]
        .as_array()
        .is_some_and(|owners| {
            owners
                .iter()
                .any(|owner| owner["uid"] == uid && owner["controller"] == true)
        })
}

/// Returns a pod template without the label that the controller adds to those of ReplicaSets
/// (`EqualIgnoreHash`).
#[must_use]
pub fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(HASH);
    }
    template
}

pub fn revision(set: &Value) -> u64 {
    let note = &set["metadata"]["annotations"][REVISION];
    text(note).parse().unwrap_or_default()
}
