//! What was found and what was decided, together.

use groundcrew::client::clock::Clock;
use jiff::Timestamp;

use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::plan::Plan;
use crate::model::onboarding::steps::Steps;

/// What was there, and what is to be done about it.
#[derive(Debug)]
pub struct Prepared {
    /// What was there.
    pub observed: Observed,
    /// What is to be done.
    pub plan: Plan,
    /// The same, one by one.
    pub steps: Steps,
    /// When it was looked at, in whole seconds as Kubernetes counts.
    pub now: Timestamp,
    /// The server's clock, going on since.
    pub clock: Clock,
}
