//! Gives the canary a share of the requests that enter by a Gateway API route.
//!
//! Without routes a canary gets what its pods are worth: `r = c / (s + c)` of the requests. A route
//! to a Service that selects both versions' pods can give it more, without a second Deployment: one
//! extra Service for the canary's pods alone, and in the route one extra backend beside the user's,
//! which goes on reaching *all* pods. With the share `x` of the extra backend the canary gets
//! `w = x + (1 − x)·r`, so `x = (w − r) / (1 − r)`.
//!
//! This is not a state of rest like that of the pods: when something else deletes the canary pods,
//! the extra backend has no endpoints, and a gateway answers its share with 500 or 503 until
//! `leave` was called. The driver has to call it then, and what is left for people
//! without the plugin has to name the route.
//!
//! Only routes in the Deployment's namespace are looked at. Other routers are
//! named when they are found, and left alone.

pub mod others;
pub mod route;
pub mod service;
pub mod share;

use serde::{Deserialize, Serialize};

use crate::model::traffic::route::{Change, RouteRef, Rule};
use crate::model::weight::Weight;

/// The Service whose requests are shared, and the routes that lead to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backends {
    /// The user's Service, which selects the pods of both versions.
    pub service: String,
    /// The extra Service's name.
    pub extra: String,
    /// The routes, in order of kind and name.
    pub routes: Vec<RouteRef>,
}

/// Who gives the canary its share of the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Router {
    /// The number of its pods
    #[default]
    Replicas,
    /// A route of the Gateway API, where one leads to the pods; else the number of its pods
    Auto,
    /// A route of the Gateway API; without one nothing is begun
    Gateway,
}

/// What was done to routes, with everything it takes to take it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shared {
    /// The goal for which it was done.
    pub seq: u64,
    /// The Services and the routes.
    pub target: Backends,
    /// The hash that the extra Service selects.
    pub hash: String,
    /// What the canary's pods have by their number, from 0 to 1.
    pub natural: f64,
    /// What the extra backend has, from 0 to 1.
    pub extra: f64,
    /// Route by route.
    pub changes: Vec<Change>,
}

impl Shared {
    /// Returns the share that is about to be given.
    #[must_use]
    pub fn planned(seq: u64, target: Backends, natural: f64, extra: f64) -> Self {
        let change = |route: &RouteRef| Change {
            route: route.clone(),
            rules: Vec::new(),
            share: extra,
        };
        Self {
            seq,
            hash: String::new(),
            natural,
            extra,
            changes: target.routes.iter().map(change).collect(),
            target,
        }
    }

    /// Returns the canary's whole share.
    #[must_use]
    pub fn whole(&self) -> Weight {
        Weight::nearest(share::effective(self.extra, self.natural))
    }

    /// Returns what the canary's pods have by their number.
    #[must_use]
    pub fn by_pods(&self) -> Weight {
        Weight::nearest(self.natural)
    }

    /// Returns the rules of earlier changes of a route.
    #[must_use]
    pub fn known(&self, route: &RouteRef) -> Vec<Rule> {
        let of = self.changes.iter().filter(|change| change.route == *route);
        of.flat_map(|change| change.rules.clone()).collect()
    }
}
