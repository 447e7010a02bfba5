//! Who gives the canary its share of the requests, as far as that is known beforehand.

use groundcrew::error::Result;
use groundcrew::finding::Unseen;
use serde::Serialize;

use crate::cluster::routes::detect;
use crate::drive::session::Open;
use crate::model::record::Record;
use crate::model::traffic::Router;
use crate::model::traffic::service::Canary;

/// Who gives the canary its share of the requests.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Whether a route will.
    pub gateway: bool,
    /// Routes of the Gateway API that lead to the pods.
    pub routes: Vec<String>,
    /// The Service that a route would get beside the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_service: Option<String>,
    /// Why no route can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Other routers that lead to the pods, which are left alone.
    pub others: Vec<String>,
}

/// Looks for routes, and says what could not be looked at if a route was asked for.
pub async fn traffic(
    router: Router,
    open: &Open,
    record: &Record,
) -> Result<(Traffic, Vec<Unseen>)> {
    let canary = Canary::of(&open.target, &record.uid, record.templates(), "");
    let found = match detect::detect(&open.session, &canary).await {
        Ok(found) => found,
        // Where no route is wanted, the right to look for one is not needed.
        Err(error) if router == Router::Replicas => {
            tracing::info!(%error, "routes were not looked for");
            return Ok((Traffic::default(), Vec::new()));
        }
        Err(error) => return Err(error),
    };
    let target = found.target;
    let traffic = Traffic {
        gateway: router != Router::Replicas && target.is_some(),
        routes: target
            .iter()
            .flat_map(|target| target.routes.iter().map(ToString::to_string))
            .collect(),
        extra_service: target.map(|target| target.extra),
        why: found.why,
        others: found.others,
    };
    let asked = router != Router::Replicas;
    Ok((traffic, if asked { found.unseen } else { Vec::new() }))
}
