//! Objects of any kind: read, compare, write.

use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::Result;
use groundcrew::write::{Writer, is_conflict, is_not_found};
use kube::Api;
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::part::{Part, Standing, doing, is_as_wanted, kind, word};
use crate::model::meta::FIELD_MANAGER;

/// Objects that are read at the same time.
pub const CONCURRENCY: usize = 8;
/// How often an object may be changed between being read and being deleted.
const CHANGES: u32 = 5;

/// Done, or what the server said to what.
type Sent = std::result::Result<(), (kube::Error, Doing)>;

fn writer(dry_run: bool) -> Writer {
    Writer {
        field_manager: FIELD_MANAGER.to_owned(),
        dry_run,
        force_conflicts: false,
    }
}

/// Says whether what was read is what should be there.
fn is_so(wanted: &Value, found: &DynamicObject) -> bool {
    serde_json::to_value(found).is_ok_and(|found| is_as_wanted(wanted, &found))
}

/// Returns the interface to an object, and its resource.
fn api(session: &Session, object: &Value) -> (Api<DynamicObject>, &'static str) {
    let (name, plural, resource) = kind(object);
    let version = word(object, "apiVersion");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource_type =
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, name), plural);
    let client = session.client.clone();
    let api = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource_type),
        None => Api::all_with(client, &resource_type),
    };
    (api, resource)
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

/// Reads what is there and compares.
///
/// # Errors
///
/// What the server says; a kind that it does not know is a missing object.
async fn look(session: &Session, wanted: Value) -> Result<Part> {
    let (api, resource) = api(session, &wanted);
    let found = match api.get_opt(word(&wanted["metadata"], "name")).await {
        Ok(found) => found,
        Err(error) if is_not_found(&error) => None,
        Err(error) => return Err(explain(error, &doing("get", resource, &wanted))),
    };
    let standing = match &found {
        None => Standing::Missing,
        Some(found) if is_so(&wanted, found) => Standing::Unchanged,
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
    send(session, part, false)
        .await
        .map_err(|(error, doing)| explain(error, &doing))
}

/// Has the server try [`put`] without keeping anything. What lacks something that is still to be
/// made, a namespace or a role, is not refused.
///
/// # Errors
///
/// What the server says.
pub async fn try_out(session: &Session, part: &Part) -> Result<()> {
    match send(session, part, true).await {
        Err((error, _)) if is_not_found(&error) => Ok(()),
        Err((error, doing)) => Err(explain(error, &doing)),
        Ok(()) => Ok(()),
    }
}

async fn send(session: &Session, part: &Part, dry_run: bool) -> Sent {
    let wanted = &part.wanted;
    let (api, resource) = api(session, wanted);
    let writer = writer(dry_run);
    let is_there = |found: &DynamicObject| is_so(wanted, found);
    let mut object: DynamicObject = match serde_json::from_value(wanted.clone()) {
        Ok(object) => object,
        Err(error) => {
            let doing = doing("create", resource, wanted);
            return Err((kube::Error::SerdeError(error), doing));
        }
    };
    let create = async |object: &DynamicObject| {
        let made = writer.create(&api, object, is_there).await;
        made.map(drop)
            .map_err(|error| (error, doing("create", resource, wanted)))
    };
    let Some(found) = &part.found else {
        return match create(&object).await {
            // Another install was faster with the same.
            Err((error, _)) if is_conflict(&error) => Ok(()),
            result => result,
        };
    };
    match word(wanted, "kind") {
        // Its labels may be the owner's; that it is there is enough.
        "Namespace" => return Ok(()),
        "ConfigMap" => {
            let patched = writer.label(&api, &object, None).await;
            return patched
                .map(drop)
                .map_err(|error| (error, doing("patch", resource, wanted)));
        }
        _ => {}
    }
    // A role's reference cannot be changed, only made anew.
    if wanted["roleRef"] != Value::Null && found.data.get("roleRef") != Some(&wanted["roleRef"]) {
        writer
            .delete(&api, &found.metadata)
            .await
            .map_err(|error| (error, doing("delete", resource, wanted)))?;
        // In a dry run it is still there, and would be in the way.
        return if dry_run {
            Ok(())
        } else {
            create(&object).await
        };
    }
    object
        .metadata
        .resource_version
        .clone_from(&found.metadata.resource_version);
    object.metadata.uid.clone_from(&found.metadata.uid);
    let replaced = writer.replace(&api, &object, is_there).await;
    replaced
        .map(drop)
        .map_err(|error| (error, doing("update", resource, wanted)))
}

/// Deletes what was read; `false` when it was not there. What somebody changed since, a
/// controller its status, is read again and is the same object if it has the same UID.
///
/// # Errors
///
/// What the server says; that it is not left alone long enough to be deleted.
pub async fn delete(session: &Session, part: &Part) -> Result<bool> {
    let Some(found) = &part.found else {
        return Ok(false);
    };
    let (api, resource) = api(session, &part.wanted);
    let failed = |error| explain(error, &doing("delete", resource, &part.wanted));
    let writer = writer(false);
    let mut read = found.metadata.clone();
    for _ in 0..CHANGES {
        match writer.delete(&api, &read).await {
            Err(error) if is_conflict(&error) => {}
            result => return result.map_err(failed),
        }
        let name = read.name.as_deref().unwrap_or_default();
        match api.get_opt(name).await.map_err(failed)? {
            Some(again) if again.metadata.uid == read.uid => read = again.metadata,
            // Made anew by somebody: that one was not meant.
            _ => return Ok(false),
        }
    }
    writer.delete(&api, &read).await.map_err(failed)
}
