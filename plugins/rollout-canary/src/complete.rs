//! Completion of names.

use clap_complete::engine::ArgValueCompleter;
use groundcrew::complete;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

/// Completes the names of Deployments in the current namespace.
#[must_use]
pub fn deployments() -> ArgValueCompleter {
    complete::from_cluster(|session| async move {
        let api = Api::<Deployment>::namespaced(session.client, &session.namespace);
        complete::listed(&api, None).await
    })
}
