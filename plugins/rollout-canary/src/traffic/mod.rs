//! Gives the canary a share of the requests that enter by a Gateway API route.
//!
//! Without routes a canary gets what its pods are worth: `r = c / (s + c)` of the requests. A route
//! to a Service that selects both versions' pods can give it more, without a second Deployment: one
//! extra Service for the canary's pods alone, and in the route one extra backend beside the user's,
//! which goes on reaching *all* pods. With the share `x` of the extra backend the canary gets
//! `w = x + (1 − x)·r`, so `x = (w − r) / (1 − r)`.
//!
//! This is not a state of rest like that of the pods: when the canary's pods vanish by other hands,
//! the extra backend has no endpoints, and a gateway answers its share with 500 or 503 until
//! [`leave`] was called. Whoever drives this has to call it then, and what is left for people
//! without the plugin has to name the route.
//!
//! Only routes in the Deployment's namespace are looked at. Other routers are
//! [named](Detection::others) when they are found, and left alone.
//!
//! # How a driver uses it
//!
//! ```no_run
//! use std::time::Duration;
//! use rollout_canary::traffic::{self, Canary, Change, Detection, Patience, plan};
//!
//! # async fn example(session: groundcrew::client::Session, deployment: k8s_openapi::api::apps::v1::Deployment,
//! #                  record: &mut Vec<Change>) -> groundcrew::error::Result<()> {
//! let canary = Canary::of(&deployment, "shop", "7b9c6d")?;
//! let found: Detection = traffic::detect(&session, &canary).await?;
//! let Some(target) = &found.target else {
//!     // `found.why` says why it is replicas; `found.others` names routers that were found.
//!     return Ok(());
//! };
//! // Once the canary's pods are Ready: 30 % of the requests to one pod of ten.
//! let share = plan::share(0.30, target.natural_share(1, 9));
//! let patience = Patience { ready: Duration::from_secs(60), observed: Duration::from_secs(60) };
//! traffic::prepare(&session, &canary, target, patience).await?;
//! for route in &target.routes {
//!     // Written to the record *before* the effect, and again with what was really done. The last
//!     // argument is the rules of an earlier change of the same route, if there is one.
//!     let planned = traffic::foresee(&session, target, route, share, &[]).await?;
//!     record.push(planned.clone());
//!     let done = traffic::enter(&session, target, &planned, patience).await?;
//!     *record.last_mut().expect("it was pushed") = done;
//! }
//! // The other way round, before the canary's pods go or at promotion:
//! for change in record.drain(..) {
//!     let left = traffic::leave(&session, &canary, &change, patience).await?;
//!     // `left.foreign` lists what somebody else changed meanwhile and was therefore left alone.
//! }
//! traffic::clean_up(&session, &canary).await?;
//! # Ok(()) }
//! ```

pub mod plan;
pub mod route;

mod apply;
mod detect;
mod others;
mod service;

pub use apply::{Left, Patience, clean_up, enter, foresee, leave, prepare};
pub use detect::{Detection, Target, detect};
pub use route::{Change, RouteKind, RouteRef, Rule};
pub use service::Canary;
