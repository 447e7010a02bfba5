//! Objects of the cluster: read, changed here, checked by the server, and only then patched.
//!
//! - [`request`]: the requests;
//! - [`apply`]: first every dry run, then the writes.

pub(super) mod apply;
mod request;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::output::yaml;
use psp_advise::fix::{FixedObject, Wanted, fix_document};
use psp_advise::manifest::{parse, split};
use psp_advise::workload::ObjectRef;
use serde_json::Value;

use super::{Changed, File};
use request::Place;

/// An object of the cluster with its changes.
pub(super) struct Live {
    /// Where it is.
    pub(super) place: Place,
    /// What it is and was when it was read.
    pub(super) read: Value,
    /// The changes; `None` when they cannot be made, which `why` says.
    pub(super) object: Option<FixedObject>,
    /// Why nothing can be changed.
    pub(super) why: Option<String>,
}

/// Reads objects and plans their changes.
///
/// # Errors
///
/// What the server says, a missing object included: nothing is written then.
pub(super) async fn read(
    session: &Session,
    objects: &[ObjectRef],
    wanted: Wanted<'_>,
) -> Result<(Vec<Live>, Vec<Changed>)> {
    let (mut all, mut changed) = (Vec::new(), Vec::new());
    let mut finder = request::Finder::default();
    for object in objects {
        let place = finder.find(session, object).await?;
        let mut read = request::get(session, &place).await?;
        if let Value::Object(map) = &mut read {
            map.remove("status");
        }
        if let Some(metadata) = read["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let text = text(&read)?;
        let mut live = Live {
            why: unchangeable(&read),
            place,
            read,
            object: None,
        };
        let chunk = split(&text).first().copied();
        let fixed = match chunk.map(|chunk| fix_document(chunk, wanted)) {
            Some(Ok(fixed)) => fixed,
            Some(Err(fault)) => return Err(unreadable(&live, &fault.message)),
            None => return Err(unreadable(&live, "it is empty")),
        };
        if let Some(fault) = fixed.unreadable.first() {
            return Err(unreadable(&live, &fault.message));
        }
        live.object = fixed.objects.first().cloned();
        let file = File {
            name: format!("{}/{}", object.namespace, live.place.shown),
            path: None,
            content: Ok(Vec::new()),
        };
        all.push(live);
        changed.push(Changed {
            file,
            before: text,
            after: fixed.text,
            objects: fixed.objects,
        });
    }
    Ok((all, changed))
}

fn unreadable(live: &Live, why: &str) -> Error {
    Error::failed(format!("{} cannot be read: {why}", live.place.shown))
}

/// Returns the object as YAML, or as JSON should the YAML not say the same when it is read again.
fn text(object: &Value) -> Result<String> {
    let text = yaml(object)?;
    let same = split(&text)
        .first()
        .and_then(|chunk| parse(*chunk).ok())
        .is_some_and(|node| node.to_json() == *object);
    Ok(if same { text } else { format!("{object:#}\n") })
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
        return Some(format!("{kind}/{name} makes it: that is to be changed"));
    }
    match object["kind"].as_str() {
        Some("Pod") => Some("a pod cannot be changed: it has to be made anew".to_owned()),
        Some("Job") => Some("a job's template cannot be changed: make a new job".to_owned()),
        _ => None,
    }
}
