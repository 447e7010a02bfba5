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
