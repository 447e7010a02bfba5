//! Who gives the canary its share of the requests, as far as that is known beforehand.

use groundcrew::error::{Error, Result};
use groundcrew::finding::{Finding, Severity, Unseen, reason};
use serde::Serialize;

use crate::cluster::routes::{detect, trial};
use crate::drive::plan::weights::AtWeight;
use crate::drive::session::Open;
use crate::model::record::Record;
use crate::model::steps::Step;
use crate::model::traffic::service::Canary;
use crate::model::traffic::{Backends, Router, Shared, share};
use crate::model::walk::Walk;

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
    /// Routes that keep each client on one backend.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sticky: Vec<String>,
    /// Whether routes of other namespaces may not be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_here: bool,
    /// The Services and routes that a share is given in.
    #[serde(skip)]
    pub target: Option<Backends>,
}

impl Traffic {
    /// Returns the steps in which the routes give a share and take it back.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let Some(target) = self.target.clone().filter(|_| self.gateway) else {
            return Vec::new();
        };
        let shared = Shared::planned(0, target, 0.0, 0.0);
        let routes = shared.changes.iter().map(|change| &change.route);
        routes
            .flat_map(|route| [Step::given(&shared, route), Step::Restored(route.clone())])
            .collect()
    }

    /// Tries in a dry run of the server what the first of these weights that needs it makes of the
    /// routes.
    pub async fn refused(
        &self,
        open: &Open,
        record: &Record,
        weights: &[(AtWeight, Walk)],
    ) -> Vec<Finding> {
        let Some(target) = self.target.as_ref().filter(|_| self.gateway) else {
            return Vec::new();
        };
        let needed = weights.iter().find_map(|(step, _)| {
            let natural = f64::from(step.canary) / f64::from((step.stable + step.canary).max(1));
            share::extra(step.asked, natural)
        });
        let Some(extra) = needed else {
            return Vec::new();
        };
        let canary = Canary::of(&open.target, &record.uid, record.templates(), "");
        let refused = trial::refused(&open.session, &canary, target, extra).await;
        let finding = |(place, error): (String, Error)| {
            let why = reason(&error);
            let what = format!("the canary's share of the requests would be refused: {why}");
            Finding::new(Severity::Error, what, why).at(place)
        };
        refused.into_iter().map(finding).collect()
    }
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
        target: target.clone(),
        gateway: router != Router::Replicas && target.is_some(),
        routes: target
            .iter()
            .flat_map(|target| target.routes.iter().map(ToString::to_string))
            .collect(),
        extra_service: target.map(|target| target.extra),
        why: found.why,
        others: found.others,
        sticky: found.sticky,
        only_here: found.only_here,
    };
    let asked = router != Router::Replicas;
    Ok((traffic, if asked { found.unseen } else { Vec::new() }))
}
