//! The workloads of the session's namespace, as their owners wrote them.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use psp_advise::model::pod::{Origin, Pod};
use psp_advise::model::subject::Subject;
use psp_advise::model::workload::{ObjectRef, Workload};
use serde::Deserialize;
use serde_json::Value;

use super::requests::{all, encode};
use super::resources::{CONTROLLERS, PODS};

/// Reads templates, and pods without a controller.
///
/// # Errors
///
/// What the server says: a policy for part of the workloads would refuse the others.
pub async fn read(session: &Session) -> Result<Vec<Subject>> {
    let namespace = &session.namespace;
    let mut subjects = Vec::new();
    for resource in CONTROLLERS.into_iter().chain([PODS]) {
        let path = resource.path(Some(&encode(namespace)));
        for item in all::<Value>(session, &path, resource.full()).await? {
            let owners = item["metadata"]["ownerReferences"].as_array();
            if owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true)) {
                continue;
            }
            let name = item["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let place = resource.template;
            let Some(pod) = item.pointer(&pointer(place)) else {
                continue;
            };
            let read = Pod::deserialize(pod).map_err(|error| {
                Error::failed(format!("{}/{name} cannot be read", resource.plural))
                    .with_source(error)
            })?;
            subjects.push(Subject {
                workload: Workload {
                    object: ObjectRef {
                        api_version: resource.api_version(),
                        kind: resource.kind.to_owned(),
                        namespace: namespace.clone(),
                        name,
                    },
                    path: place.to_owned(),
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

/// Returns a path as a JSON pointer.
fn pointer(path: &str) -> String {
    match path {
        "" => String::new(),
        path => format!("/{}", path.replace('.', "/")),
    }
}
