//! The workloads of the session's namespace, as their owners wrote them.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use psp_advise::model::pod::{Origin, Pod};
use psp_advise::model::subject::Subject;
use psp_advise::model::workload::{ObjectRef, Workload};
use serde::Deserialize;
use serde_json::Value;

use super::requests::{all, encode};

/// API, version, resource, kind, place of the template, name in errors.
const RESOURCES: [(&str, &str, &str, &str, &str, &str); 8] = [
    (
        "/apis/apps/v1",
        "apps/v1",
        "deployments",
        "Deployment",
        "/spec/template",
        "deployments.apps",
    ),
    (
        "/apis/apps/v1",
        "apps/v1",
        "replicasets",
        "ReplicaSet",
        "/spec/template",
        "replicasets.apps",
    ),
    (
        "/apis/apps/v1",
        "apps/v1",
        "statefulsets",
        "StatefulSet",
        "/spec/template",
        "statefulsets.apps",
    ),
    (
        "/apis/apps/v1",
        "apps/v1",
        "daemonsets",
        "DaemonSet",
        "/spec/template",
        "daemonsets.apps",
    ),
    (
        "/apis/batch/v1",
        "batch/v1",
        "cronjobs",
        "CronJob",
        "/spec/jobTemplate/spec/template",
        "cronjobs.batch",
    ),
    (
        "/apis/batch/v1",
        "batch/v1",
        "jobs",
        "Job",
        "/spec/template",
        "jobs.batch",
    ),
    (
        "/api/v1",
        "v1",
        "replicationcontrollers",
        "ReplicationController",
        "/spec/template",
        "replicationcontrollers",
    ),
    ("/api/v1", "v1", "pods", "Pod", "", "pods"),
];

/// Reads templates, and pods without a controller.
///
/// # Errors
///
/// What the server says: a policy for part of the workloads would refuse the others.
pub async fn read(session: &Session) -> Result<Vec<Subject>> {
    let namespace = &session.namespace;
    let mut subjects = Vec::new();
    for (api, api_version, plural, kind, place, full) in RESOURCES {
        let path = format!("{api}/namespaces/{}/{plural}", encode(namespace));
        for item in all::<Value>(session, &path, full).await? {
            let owners = item["metadata"]["ownerReferences"].as_array();
            if owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true)) {
                continue;
            }
            let name = item["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let Some(pod) = item.pointer(place) else {
                continue;
            };
            let read = Pod::deserialize(pod).map_err(|error| {
                Error::failed(format!("{plural}/{name} cannot be read")).with_source(error)
            })?;
            subjects.push(Subject {
                workload: Workload {
                    object: ObjectRef {
                        api_version: api_version.to_owned(),
                        kind: kind.to_owned(),
                        namespace: namespace.clone(),
                        name,
                    },
                    path: place.trim_start_matches('/').replace('/', "."),
                    origin: if place.is_empty() {
                        Origin::Pod
                    } else {
                        Origin::Template
                    },
                    pod: read,
                },
                file: None,
                pod: pod.clone(),
                namespace: namespace.clone(),
            });
        }
    }
    Ok(subjects)
}
