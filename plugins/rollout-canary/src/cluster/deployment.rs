//! What is read of a Deployment: the object itself, its ReplicaSets, its pods.
//!
//! Deployments and ReplicaSets are kept as the server sent them: a pod template that was read into
//! types and written back would lose what those types do not know yet.

use std::collections::BTreeMap;

use groundcrew::client::clock::Clock;
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::cluster::Objects;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::Pod as FullPod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{DynamicObject, ListParams, ObjectList};
use kube::core::{ApiResource, Request, Selector};
use serde_json::Value;

use crate::cluster::records::{Store, Stored};
use crate::model::pod::Pod;
use crate::model::snapshot::Snapshot;
use crate::model::target::Target;

/// Returns the Deployments of a namespace, with every field as it came.
#[must_use]
pub fn deployments(session: &Session, namespace: &str) -> Objects<DynamicObject> {
    let resource = ApiResource::erase::<Deployment>(&());
    session.cluster().dynamic(&resource, Some(namespace))
}

/// Returns the ReplicaSets of a namespace, with every field as it came.
#[must_use]
pub fn replica_sets(session: &Session, namespace: &str) -> Objects<DynamicObject> {
    let resource = ApiResource::erase::<ReplicaSet>(&());
    session.cluster().dynamic(&resource, Some(namespace))
}

/// Returns an object as the JSON it came as.
///
/// # Errors
///
/// Never for what was JSON before.
pub fn json(object: &DynamicObject) -> Result<Value> {
    serde_json::to_value(object)
        .map_err(|error| Error::failed("cannot read the server's answer").with_source(error))
}

/// Reads the Deployment alone.
///
/// # Errors
///
/// What the server says.
pub async fn deployment(session: &Session, target: &Target) -> Result<Value> {
    let deployments = deployments(session, &target.namespace);
    json(&deployments.get(&target.name).await?)
}

/// Reads everything once, one LIST per kind.
///
/// # Errors
///
/// What the server says.
pub async fn cluster(session: &Session, target: &Target) -> Result<Snapshot> {
    let deployment = deployment(session, target).await?;
    around_it(session, target, deployment).await
}

/// Reads everything once, and the record beside it, but after the Deployment: a driver
/// writes the record before it changes the Deployment.
///
/// # Errors
///
/// What the server says.
pub async fn with_record(
    session: &Session,
    target: &Target,
    store: &Store,
) -> Result<(Option<Stored>, Clock, Snapshot)> {
    let deployment = deployment(session, target).await?;
    let cluster = around_it(session, target, deployment);
    let (cluster, (stored, clock)) =
        futures::future::try_join(cluster, store.read(session)).await?;
    Ok((stored, clock, cluster))
}

/// Reads the ReplicaSets and pods of a Deployment that was read.
async fn around_it(session: &Session, target: &Target, deployment: Value) -> Result<Snapshot> {
    let selector = selector(&deployment)?;
    let params = ListParams::default().labels_from(&selector);
    let sets = replica_sets(session, &target.namespace);
    let pods = pods(session, target, &params);
    let (sets, pods) = futures::future::try_join(sets.list_by(&params), pods).await?;
    let mut cluster = Snapshot {
        deployment,
        sets: BTreeMap::new(),
        pods: BTreeMap::new(),
    };
    for set in &sets {
        cluster.put_set(json(set)?);
    }
    for pod in pods {
        cluster.put_pod(pod);
    }
    Ok(cluster)
}

/// Pods of one answer: all of nearly every Deployment (2,000 with a quarter of surge), and still not
/// too much memory.
const PAGE: u32 = 2500;

/// Lists pods, parsing no more of each than is kept.
async fn pods(session: &Session, target: &Target, params: &ListParams) -> Result<Vec<Pod>> {
    let all = session.in_(&target.namespace).of::<FullPod>();
    let path = format!("/api/v1/namespaces/{}/pods", target.namespace);
    let request = Request::new(path);
    let fetch = async |page: &ListParams| {
        let request = request.list(page).map_err(kube::Error::BuildRequest)?;
        session.client.request::<ObjectList<Pod>>(request).await
    };
    let listed = pages::walk(&params.clone().limit(PAGE), fetch, Vec::push).await;
    listed.map_err(|error| explain(error, &all.doing("list")))
}

/// Returns the Deployment's selector.
///
/// # Errors
///
/// When it cannot be read, which the server does not let happen.
pub fn selector(deployment: &Value) -> Result<Selector> {
    let broken = || Error::failed("cannot read the Deployment's selector");
    let selector: LabelSelector = serde_json::from_value(deployment["spec"]["selector"].clone())
        .map_err(|error| broken().with_source(error))?;
    Selector::try_from(selector).map_err(|error| broken().with_source(error))
}
