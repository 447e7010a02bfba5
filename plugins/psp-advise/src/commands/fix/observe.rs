//! Manifests, and objects of the cluster, each with the changes that let it pass.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::output::yaml;
use psp_advise::model::fix::{FixedObject, Wanted, fix_document};
use psp_advise::model::manifest::{documents, parse, split, told};
use psp_advise::model::workload::ObjectRef;
use serde_json::Value;

use crate::cluster::objects::{self, Finder, Place};
use crate::cluster::workloads;
use crate::local::files::{self, File, FileArgs};

/// Everything that was looked at.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Texts before and after.
    pub(super) changed: Vec<Changed>,
    /// The objects of the cluster, where those are looked at.
    pub(super) live: Vec<Live>,
    /// What could not be read.
    pub(super) unreadable: Vec<String>,
}

/// A text with its changes.
#[derive(Debug)]
pub(super) struct Changed {
    /// The file or object, for messages.
    pub(super) name: String,
    /// The file; `None` is an object of the cluster.
    pub(super) file: Option<File>,
    /// Its text before.
    pub(super) before: String,
    /// Its text after.
    pub(super) after: String,
    /// Its objects.
    pub(super) objects: Vec<FixedObject>,
}

/// An object of the cluster with its changes.
#[derive(Debug)]
pub(super) struct Live {
    /// Where it is.
    pub(super) place: Place,
    /// What it is and was when it was read.
    pub(super) read: Value,
    /// Its changes; `None` where it has no pod.
    pub(super) object: Option<FixedObject>,
}

/// Computes the changes of manifests.
///
/// # Errors
///
/// A path that is not there.
pub(super) fn manifests(args: &FileArgs, wanted: Wanted<'_>) -> Result<Found> {
    let mut found = Found::default();
    files::each(args, |file| {
        match file.text().map(std::borrow::Cow::into_owned) {
            Ok(text) => {
                let changed = change(file, text, wanted, &mut found.unreadable);
                found.changed.push(changed);
            }
            Err(message) => found.unreadable.push(format!("{}: {message}", file.name)),
        }
        Ok(())
    })?;
    Ok(found)
}

fn change(file: File, before: String, wanted: Wanted<'_>, unreadable: &mut Vec<String>) -> Changed {
    let mut after = String::with_capacity(before.len());
    let mut position = 0;
    let mut objects = Vec::new();
    for document in documents(&before) {
        let chunk = document.chunk;
        after.push_str(&before[position..chunk.offset]);
        position = chunk.offset + chunk.text.len();
        let mut note = |line: usize, message: &str| {
            unreadable.push(format!("{}:{line}: {message}", file.name));
        };
        if let Some(fault) = &document.ignored {
            note(fault.line, &fault.message);
        }
        match fix_document(chunk, wanted) {
            Ok(fixed) => {
                after.push_str(&fixed.text);
                objects.extend(fixed.objects);
                for fault in fixed.unreadable {
                    note(fault.line, &fault.message);
                }
            }
            Err(fault) => {
                let fault = told(&chunk, &fault);
                after.push_str(chunk.text);
                note(fault.line, &fault.message);
            }
        }
    }
    after.push_str(&before[position..]);
    Changed {
        name: file.name.clone(),
        file: Some(file),
        before,
        after,
        objects,
    }
}

/// Reads objects of the cluster and computes their changes: those that manifests name, else those
/// of the namespace that no controller manages.
///
/// # Errors
///
/// What the server says, a missing object included: nothing is written then.
pub(super) async fn objects(
    session: &Session,
    args: &FileArgs,
    wanted: Wanted<'_>,
) -> Result<Found> {
    let mut found = Found::default();
    let named: Vec<ObjectRef> = if args.filename.is_empty() {
        let all = workloads::read(session).await?;
        all.into_iter().map(|one| one.workload.object).collect()
    } else {
        let of_files = manifests(args, wanted)?;
        found.unreadable = of_files.unreadable;
        let objects = of_files.changed.iter().flat_map(|one| &one.objects);
        objects.map(|one| placed(&one.object, session)).collect()
    };
    let mut finder = Finder::default();
    for object in &named {
        let place = finder.find(session, object).await?;
        let (live, changed) = live(session, object, place, wanted).await?;
        found.live.push(live);
        found.changed.push(changed);
    }
    Ok(found)
}

/// Returns an object of a manifest where kubectl would look for it.
fn placed(object: &ObjectRef, session: &Session) -> ObjectRef {
    let mut object = object.clone();
    if object.namespace.is_empty() {
        object.namespace.clone_from(&session.namespace);
    }
    object
}

async fn live(
    session: &Session,
    object: &ObjectRef,
    place: Place,
    wanted: Wanted<'_>,
) -> Result<(Live, Changed)> {
    let mut read = objects::get(session, &place).await?;
    if let Value::Object(map) = &mut read {
        map.remove("status");
    }
    if let Some(metadata) = read["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    let before = text(&read)?;
    let chunk = split(&before).first().copied();
    let fixed = match chunk.map(|chunk| fix_document(chunk, wanted)) {
        Some(Ok(fixed)) => fixed,
        Some(Err(fault)) => return Err(unreadable(&place, &fault.message)),
        None => return Err(unreadable(&place, "it is empty")),
    };
    if let Some(fault) = fixed.unreadable.first() {
        return Err(unreadable(&place, &fault.message));
    }
    let changed = Changed {
        name: format!("{}/{}", object.namespace, place.shown),
        file: None,
        before,
        after: fixed.text,
        objects: fixed.objects,
    };
    let live = Live {
        place,
        read,
        object: changed.objects.first().cloned(),
    };
    Ok((live, changed))
}

fn unreadable(place: &Place, why: &str) -> Error {
    Error::failed(format!("{} cannot be read: {why}", place.shown))
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
