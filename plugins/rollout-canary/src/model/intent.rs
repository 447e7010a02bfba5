//! What is asked of a canary that is about to begin, whichever command asks.

use crate::model::change::Change;
use crate::model::record::{Layout, Rollout};
use crate::model::traffic::Router;
use crate::model::verdict::asked::Asked;
use crate::model::weight::{Surge, Weights};

/// The wish, read from the flags once.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The weights, one after the other; the first is where it begins.
    pub weights: Weights,
    /// What is new about the canary.
    pub change: Change,
    /// How the pods are split.
    pub split: Split,
    /// Who drives it from weight to weight.
    pub course: Course,
    /// What it is judged by, if this command says so.
    pub asked: Option<Asked>,
    /// Findings that block a canary and were accepted, by their flag.
    pub accepted: Vec<&'static str>,
}

/// How the pods are split.
#[derive(Clone, Copy, Debug, Default)]
pub struct Split {
    /// Layout at rest.
    pub layout: Layout,
    /// Most pods above the replicas; the Deployment's own number when absent.
    pub surge: Option<Surge>,
    /// Who gives the canary its share of the requests; what it has already when absent.
    pub router: Option<Router>,
    /// A split that is far from the weight, or not parked, is accepted.
    pub accept_weight: bool,
    /// The nearest split is taken without a question.
    pub yes: bool,
}

/// Who drives a canary once its first weight is reached.
#[derive(Clone, Debug)]
pub enum Course {
    /// Nobody: the canary stays there.
    Rest,
    /// This command, through all weights.
    Driven(Rollout),
    /// `resume`, when somebody calls it.
    Detached(Rollout),
}

impl Course {
    /// Returns the rollout, if there is one.
    #[must_use]
    pub fn rollout(&self) -> Option<&Rollout> {
        match self {
            Self::Rest => None,
            Self::Driven(rollout) | Self::Detached(rollout) => Some(rollout),
        }
    }
}
