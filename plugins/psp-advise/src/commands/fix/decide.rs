//! What becomes of each object of the cluster.

use groundcrew::error::Error;
use groundcrew::flags::DryRun;
use serde_json::{Value, json};

use super::observe::Live;

/// An object and what becomes of it: the dry run, the run and the answer are read from it.
#[derive(Debug)]
pub(super) struct Step {
    /// The object.
    pub(super) live: Live,
    /// What becomes of it.
    pub(super) fate: Fate,
}

/// What becomes of an object.
#[derive(Debug)]
pub(super) enum Fate {
    /// It passes, or no permitted change would help.
    Unchanged,
    /// It cannot be changed where it is.
    Left(String),
    /// It is to be patched.
    Ready(Value),
    /// It was patched.
    Patched,
    /// The server does not take the patch.
    Refused(Error),
    /// Another one was refused, or the run was interrupted before.
    NotTried,
}

impl Step {
    /// Returns the line about the object.
    pub(super) fn line(&self, mode: DryRun) -> String {
        let suffix = mode.suffix();
        let fate = match &self.fate {
            Fate::Unchanged => format!("unchanged{suffix}"),
            Fate::Left(why) => format!("left alone{suffix}: {why}"),
            Fate::Ready(_) | Fate::Patched => format!("patched{suffix}"),
            Fate::Refused(error) => format!("refused: {}", error.headline()),
            Fate::NotTried => "not tried".to_owned(),
        };
        format!("{} {fate}", self.live.place.shown)
    }

    /// Returns whether the object passes once it is changed.
    pub(super) fn passes(&self) -> bool {
        self.live.object.as_ref().is_none_or(|object| object.passes)
    }
}

/// Decides about every object.
pub(super) fn steps(objects: Vec<Live>) -> Vec<Step> {
    let steps = objects.into_iter().map(|live| {
        let fate = match (patch(&live), unchangeable(&live.read)) {
            (None, _) => Fate::Unchanged,
            (Some(_), Some(why)) => Fate::Left(why),
            (Some(patch), None) => Fate::Ready(patch),
        };
        Step { live, fate }
    });
    steps.collect()
}

/// Returns the patch for exactly the object that was read. Another UID or resourceVersion is
/// answered with 409; a `test` that fails would be a 422 that does not say why.
fn patch(live: &Live) -> Option<Value> {
    let patch = live.object.as_ref()?.json_patch.as_ref()?.as_array()?;
    let metadata = &live.read["metadata"];
    let same = ["uid", "resourceVersion"].map(|field| {
        json!({"op": "replace", "path": format!("/metadata/{field}"), "value": metadata[field]})
    });
    Some(same.into_iter().chain(patch.iter().cloned()).collect())
}

/// Returns why a template cannot be changed where it is.
///
/// Source: `ValidatePodUpdate` and `ValidateJobUpdate` in `pkg/apis/{core,batch}/validation` of
/// Kubernetes.
fn unchangeable(object: &Value) -> Option<String> {
    let owner = object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|owner| owner["controller"] == true);
    if let Some(owner) = owner {
        let text = |field: &str| owner[field].as_str().unwrap_or_default();
        let (kind, name) = (text("kind").to_lowercase(), text("name"));
        return Some(format!("{kind}/{name} manages it: change that instead"));
    }
    match object["kind"].as_str() {
        Some("Pod") => Some("a pod cannot be changed: delete it and create a new one".to_owned()),
        Some("Job") => Some("a job's template cannot be changed: create a new job".to_owned()),
        _ => None,
    }
}
