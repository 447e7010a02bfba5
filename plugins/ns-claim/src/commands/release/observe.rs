//! What a release looks at beside the claim: what runs in it, and what outlives it.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::write::Object;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::ListParams;

use crate::cluster::ending;

/// Returns what runs in a claim, as far as the caller may see it.
///
/// # Errors
///
/// What the server says.
pub async fn workloads(session: &Session, name: &str) -> Result<Vec<String>> {
    async fn named<K>(session: &Session, name: &str, kind: &str) -> Result<Vec<String>>
    where
        K: Object + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let objects = session.in_(name).of::<K>();
        match objects.list_metadata(&ListParams::default()).await {
            Ok(found) => Ok(found
                .into_iter()
                // What a controller made goes with its controller.
                .filter(|metadata| metadata.owner_references.is_none())
                .filter_map(|metadata| Some(format!("{kind}/{}", metadata.name?)))
                .collect()),
            Err(error) if error.is_forbidden() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
    let found = futures::try_join!(
        named::<Deployment>(session, name, "deployment"),
        named::<StatefulSet>(session, name, "statefulset"),
        named::<DaemonSet>(session, name, "daemonset"),
        named::<CronJob>(session, name, "cronjob"),
        named::<Job>(session, name, "job"),
        named::<Pod>(session, name, "pod"),
        named::<PersistentVolumeClaim>(session, name, "persistentvolumeclaim"),
    )?;
    Ok([
        found.0, found.1, found.2, found.3, found.4, found.5, found.6,
    ]
    .concat())
}

/// Returns what stays, as the reaper would find it; owners may not list volumes, but name theirs.
///
/// # Errors
///
/// What the server says.
pub async fn outlived_by(session: &Session, name: &str) -> Result<Vec<String>> {
    match ending::kept_volumes(session).await {
        Ok(volumes) => match ending::outlived_by(session, name, &volumes).await {
            Err(error) if error.is_forbidden() => Ok(Vec::new()),
            result => result,
        },
        Err(error) if error.is_forbidden() => {
            let mut outlived = match ending::outlived_by(session, name, &BTreeMap::new()).await {
                Err(error) if error.is_forbidden() => return Ok(Vec::new()),
                result => result?,
            };
            let claims = session.in_(name).of::<PersistentVolumeClaim>();
            let bound = match claims.list().await {
                Err(error) if error.is_forbidden() => Vec::new(),
                result => result?,
            };
            let volumes = bound
                .into_iter()
                .filter_map(|claim| claim.spec?.volume_name);
            outlived.extend(
                volumes.map(|name| format!("persistentvolume/{name} (if its policy is Retain)")),
            );
            Ok(outlived)
        }
        Err(error) => Err(error),
    }
}
