//! What a share would write, tried in a dry run of the server: the extra Service, and each route.

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use k8s_openapi::api::core::v1::Service;

use crate::cluster::routes::write::{edit, foresee, gone, not_ours, planned, writer};
use crate::model::traffic::Backends;
use crate::model::traffic::service::Canary;

/// A hash that no ReplicaSet has, for a Service that is not kept.
const NONE: &str = "dry-run";

/// Tries it, and returns what the server or a route does not allow, by the object.
pub async fn refused(
    session: &Session,
    canary: &Canary,
    target: &Backends,
    share: f64,
) -> Vec<(String, Error)> {
    let mut found = Vec::new();
    if let Err(error) = service(session, canary, target).await {
        found.push((format!("service/{}", target.extra), error));
    }
    for route in &target.routes {
        let tried = async {
            // A rule that cannot give a share away says so without the server.
            foresee(session, target, route, share, &[]).await?;
            let plan = |current: &_| planned(current, target, route, share, &[]);
            let done = edit(session, (route, &canary.manager), plan, true).await?;
            done.map(|_| ()).ok_or_else(|| gone(route))
        };
        if let Err(error) = tried.await {
            found.push((route.to_string(), error));
        }
    }
    found
}

async fn service(session: &Session, canary: &Canary, target: &Backends) -> Result<()> {
    let services = session.in_(&canary.namespace).of::<Service>();
    match services.find(&target.extra).await? {
        Some(found) if canary.owns(&found) => return Ok(()),
        Some(_) => return Err(not_ours(&target.extra)),
        None => {}
    }
    let original = services.get(&target.service).await?;
    let canary = Canary {
        hash: NONE.to_owned(),
        ..canary.clone()
    };
    let extra = canary.beside(&original, &target.extra);
    services
        .create(&writer(&canary, true), &extra, |_| false)
        .await?;
    Ok(())
}
