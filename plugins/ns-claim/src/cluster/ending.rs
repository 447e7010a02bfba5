//! The end of a claim, by its people or by the reaper: exactly what was decided about is deleted, and what outlives it
//! is named.

use std::collections::BTreeMap;

use groundcrew::app::Interrupt;
use groundcrew::client::clock::{self, Clock};
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::cluster::{Attempt, Objects, retry_on_conflict};
use groundcrew::error::{Kind, Result};
use groundcrew::write::{Writer, is_conflict, is_not_found, status};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, Pod, Service};
use kube::api::{DeleteParams, ListParams, Preconditions};
use serde_json::json;

use super::refusal;
use crate::model::claim::Claim;

/// How many seconds a pod has to end when its own grace would outlast a sweep.
const SHORT_GRACE: u32 = 30;
/// How many seconds of grace are left alone: one sweep of the reaper, as it is installed.
const SWEEP: i64 = 900;

/// How a deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The server deletes it now.
    Now,
    /// It is gone, or going, already.
    Gone,
    /// It was changed so that it is not to be deleted any more.
    Kept,
    /// It was changed each time before it could be deleted.
    Lost,
}

/// Reads a claim and the server's clock with it; `None` when it is not there or not a claim.
///
/// # Errors
///
/// What the server says.
pub async fn fresh(session: &Session, name: &str) -> Result<(Option<Claim>, Clock)> {
    let namespaces = session.of::<Namespace>();
    let path = format!("/api/v1/namespaces/{name}");
    let (found, clock) = clock::get::<Namespace>(session, &path)
        .await
        .map_err(|error| namespaces.explain("get", name, error))?;
    Ok((found.as_ref().and_then(Claim::of), clock))
}

/// Deletes exactly the namespace that was read. What changed since is read and decided about again
/// by `still`, over and over; field records that were filled up, so that the server cannot write
/// that it is going, are emptied first.
///
/// # Errors
///
/// What `still` and the server say; interrupted.
pub async fn delete(
    session: &Session,
    interrupt: &Interrupt,
    writer: &Writer,
    mut claim: Claim,
    still: impl Fn(&Claim, &Clock) -> Result<bool>,
) -> Result<Deleted> {
    let namespaces = session.of::<Namespace>();
    let name = claim.name.clone();
    let deleted = retry_on_conflict(format!("namespace/{name}"), interrupt, async || {
        let error = match writer.delete(namespaces.api(), &claim.read()).await {
            Ok(true) => return Ok(Attempt::Done(Deleted::Now)),
            Ok(false) => return Ok(Attempt::Done(Deleted::Gone)),
            Err(error) => error,
        };
        if is_too_large(&error) {
            empty_records(&namespaces, writer, &claim).await?;
        } else if !is_conflict(&error) {
            return Err(refusal::told(&namespaces, "delete", &name, error));
        }
        let (now, clock) = fresh(session, &name).await?;
        let Some(now) = now.filter(|now| now.uid == claim.uid && now.terminating.is_none()) else {
            return Ok(Attempt::Done(Deleted::Gone));
        };
        if !still(&now, &clock)? {
            return Ok(Attempt::Done(Deleted::Kept));
        }
        claim = now;
        Ok(Attempt::Raced)
    })
    .await;
    match deleted {
        Err(error)
            if error.kind() == Kind::Conflict && error.to_string().contains("keeps being") =>
        {
            Ok(Deleted::Lost)
        }
        result => result,
    }
}

/// The server cannot write even one more timestamp (etcd's limit of a request, 1.5 MiB, or the API's
/// own of an object).
fn is_too_large(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| {
        let message = &status.message;
        [
            "request is too large",
            "Request entity too large",
            "Too long",
        ]
        .iter()
        .any(|words| message.contains(words))
    })
}

/// Empties `managedFields`, which anybody who may patch an object may fill; `[{}]` is how the API
/// takes that (docs: server-side apply, "Clearing managedFields").
async fn empty_records(
    namespaces: &Objects<Namespace>,
    writer: &Writer,
    claim: &Claim,
) -> Result<()> {
    let patch = json!({"metadata": {"managedFields": [{}]}});
    let read = claim.by_uid();
    match writer.merge(namespaces.api(), &read, patch).await {
        Ok(_) => Ok(()),
        Err(error) if is_conflict(&error) || is_not_found(&error) => Ok(()),
        Err(error) => Err(namespaces.explain("patch", &claim.name, error)),
    }
}

/// Shortens the grace of pods that would keep a namespace that is going for longer than a sweep;
/// returns their names.
///
/// # Errors
///
/// What the server says.
pub async fn hasten(
    session: &Session,
    namespace: &str,
    clock: &Clock,
    writer: &Writer,
    really: bool,
) -> Result<Vec<String>> {
    let pods = session.in_(namespace).of::<Pod>();
    let now = clock.now().as_second();
    let mut hastened = Vec::new();
    for pod in pods.list().await? {
        let (Some(name), Some(ends)) = (&pod.metadata.name, &pod.metadata.deletion_timestamp)
        else {
            continue;
        };
        if ends.0.as_second() - now <= SWEEP {
            continue;
        }
        hastened.push(name.clone());
        if !really {
            continue;
        }
        let params = DeleteParams {
            dry_run: writer.dry_run,
            grace_period_seconds: Some(SHORT_GRACE),
            preconditions: Some(Preconditions {
                uid: pod.metadata.uid.clone(),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match pods.api().delete(name, &params).await {
            Ok(_) => {}
            Err(error) if is_not_found(&error) || is_conflict(&error) => {}
            Err(error) => return Err(pods.explain("delete", name, error)),
        }
    }
    Ok(hastened)
}

/// Volumes that are kept when their claim goes, by the namespace that uses them.
pub type Kept = BTreeMap<String, Vec<String>>;

/// Returns what stays when a claim is deleted; something outside the cluster may still point there.
///
/// # Errors
///
/// What the server says.
pub async fn outlived_by(session: &Session, name: &str, volumes: &Kept) -> Result<Vec<String>> {
    let services = session.in_(name).of::<Service>().list().await?;
    let mut outlived_by: Vec<String> = services
        .into_iter()
        .filter(|service| {
            let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
            kind == Some("LoadBalancer")
        })
        .filter_map(|service| service.metadata.name)
        .map(|name| format!("service/{name} (LoadBalancer)"))
        .collect();
    outlived_by.extend(volumes.get(name).cloned().unwrap_or_default());
    Ok(outlived_by)
}

/// Reads every volume that is kept when its claim goes.
///
/// # Errors
///
/// What the server says.
pub async fn kept_volumes(session: &Session) -> Result<Kept> {
    let all = session.of::<PersistentVolume>();
    let add = |kept: &mut Kept, volume: PersistentVolume| {
        let Some(spec) = volume.spec else { return };
        let retained = spec.persistent_volume_reclaim_policy.as_deref() == Some("Retain");
        let user = spec.claim_ref.and_then(|claim| claim.namespace);
        if let (true, Some(namespace), Some(name)) = (retained, user, volume.metadata.name) {
            kept.entry(namespace)
                .or_default()
                .push(format!("persistentvolume/{name} (Retain)"));
        }
    };
    pages::fold(all.api(), &ListParams::default(), add)
        .await
        .map_err(|error| explain(error, &all.doing("list")))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn only_an_object_that_cannot_be_written_any_more_is_emptied() {
        let error = |message: &str| {
            is_too_large(&kube::Error::Api(
                Status::failure(message, "").with_code(500).boxed(),
            ))
        };
        assert!(error("etcdserver: request is too large"));
        assert!(!error("the request is invalid"));
    }
}
