//! Objects of any kind: read, compare, write.

use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::client::Session;
use groundcrew::cluster::Objects;
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::part::{Part, Standing, is_as_wanted, kind, word};
use crate::cluster::records::writer;

/// Objects that are read at the same time.
pub const CONCURRENCY: usize = 8;
/// How often an object may be changed between being read and being deleted.
const CHANGES: u32 = 5;

/// Says whether what was read is what should be there.
fn is_so(wanted: &Value, found: &DynamicObject) -> bool {
    serde_json::to_value(found).is_ok_and(|found| is_as_wanted(wanted, &found))
}

/// Returns the objects of the kind of one, where it is.
fn like(session: &Session, object: &Value) -> Objects<DynamicObject> {
    let (name, plural, _) = kind(object);
    let version = word(object, "apiVersion");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = GroupVersionKind::gvk(group, version, name);
    let namespace = object["metadata"]["namespace"].as_str();
    session
        .cluster()
        .dynamic(&ApiResource::from_gvk_with_plural(&kind, plural), namespace)
}

/// Looks at every object.
///
/// # Errors
///
/// What the server says.
pub async fn look_at_all(session: &Session, wanted: Vec<Value>) -> Result<Vec<Part>> {
    futures::stream::iter(wanted)
        .map(|object| look(session, object))
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Reads what is there and compares; a kind that the server does not know is a missing object.
async fn look(session: &Session, wanted: Value) -> Result<Part> {
    let name = word(&wanted["metadata"], "name");
    let found = match like(session, &wanted).find(name).await {
        Err(error) if error.is_not_found() => None,
        found => found?,
    };
    let standing = match &found {
        None => Standing::Missing,
        Some(found) if is_so(&wanted, found) => Standing::Ok,
        Some(_) => Standing::Altered,
    };
    Ok(Part {
        wanted,
        found,
        standing,
    })
}

/// Makes an object, or puts back what it should be; both only over what was read.
///
/// # Errors
///
/// What the server says.
pub async fn put(session: &Session, part: &Part) -> Result<()> {
    send(session, part, DryRun::None).await
}

/// Has the server try [`put`] without keeping anything. What lacks something that is still to be
/// made, a namespace or a role, is not refused.
///
/// # Errors
///
/// What the server says.
pub async fn try_out(session: &Session, part: &Part) -> Result<()> {
    match send(session, part, DryRun::Server).await {
        Err(error) if error.is_not_found() => Ok(()),
        result => result,
    }
}

async fn send(session: &Session, part: &Part, dry_run: DryRun) -> Result<()> {
    let wanted = &part.wanted;
    let objects = like(session, wanted);
    let writer = writer(dry_run);
    let is_there = |found: &DynamicObject| is_so(wanted, found);
    let mut object: DynamicObject = serde_json::from_value(wanted.clone())
        .map_err(|error| Error::failed("an object cannot be read").with_source(error))?;
    let Some(found) = &part.found else {
        return match objects.create(&writer, &object, is_there).await {
            // Another install was faster with the same.
            Err(error) if error.is_conflict() => Ok(()),
            result => result.map(drop),
        };
    };
    match word(wanted, "kind") {
        // Its labels may be the owner's; that it is there is enough.
        "Namespace" => return Ok(()),
        "ConfigMap" => return objects.label(&writer, &object, None).await.map(drop),
        _ => {}
    }
    // A role's reference cannot be changed; the binding is deleted and created.
    if wanted["roleRef"] != Value::Null && found.data.get("roleRef") != Some(&wanted["roleRef"]) {
        objects.delete(&writer, &found.metadata).await?;
        // In a dry run it is still there, and a second one cannot be made.
        if writer.dry_run {
            return Ok(());
        }
        return objects.create(&writer, &object, is_there).await.map(drop);
    }
    object
        .metadata
        .resource_version
        .clone_from(&found.metadata.resource_version);
    object.metadata.uid.clone_from(&found.metadata.uid);
    objects.replace(&writer, &object, is_there).await.map(drop)
}

/// Deletes what was read; `false` when it was not there. What someone changed since, a
/// controller its status, is read again and is the same object if it has the same UID.
///
/// # Errors
///
/// What the server says; that it is not left alone long enough to be deleted.
pub async fn delete(session: &Session, part: &Part, dry_run: DryRun) -> Result<bool> {
    let Some(found) = &part.found else {
        return Ok(false);
    };
    let objects = like(session, &part.wanted);
    let writer = writer(dry_run);
    let mut read = found.metadata.clone();
    for _ in 0..CHANGES {
        match objects.delete(&writer, &read).await {
            Err(error) if error.is_conflict() => {}
            result => return result,
        }
        let name = read.name.as_deref().unwrap_or_default();
        match objects.find(name).await? {
            Some(again) if again.metadata.uid == read.uid => read = again.metadata,
            // Someone created it again: that one was not meant.
            _ => return Ok(false),
        }
    }
    objects.delete(&writer, &read).await
}
