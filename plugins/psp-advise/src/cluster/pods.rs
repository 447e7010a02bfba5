//! One pod of the cluster.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use psp_advise::model::pod::{Origin, Pod};
use psp_advise::model::subject::Subject;
use psp_advise::model::workload::{ObjectRef, Workload};
use serde::Deserialize;
use serde_json::Value;

use super::requests::{encode, get, refused};

/// Reads a pod of the cluster.
///
/// # Errors
///
/// What the server says.
pub async fn read(session: &Session, name: &str) -> Result<Subject> {
    let namespace = session.namespace.clone();
    let uri = format!(
        "/api/v1/namespaces/{}/pods/{}",
        encode(&namespace),
        encode(name)
    );
    let pod: Value = get(session, &uri)
        .await
        .map_err(|error| refused(error, "get", "pods", name, &namespace))?;
    let read = Pod::deserialize(&pod)
        .map_err(|error| Error::failed(format!("pod/{name} cannot be read")).with_source(error))?;
    let workload = Workload {
        object: ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: namespace.clone(),
            name: name.to_owned(),
        },
        path: String::new(),
        origin: Origin::Pod,
        pod: read,
    };
    Ok(Subject {
        workload,
        file: None,
        pod,
        namespace,
    })
}
