//! Forms of a Deployment: the fields that are written, all of them at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::controller::rounding::Steps;
use crate::model::names::{HOLD_DEADLINE, HOLD_SECONDS};

/// Whose template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Template {
    /// What ran before.
    Stable,
    /// What is tried.
    Canary,
    /// Somebody else's, which is left as it is.
    Foreign,
}

/// What a form is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// More canary pods, held.
    Ramp,
    /// Stable pods go for Ready canary pods, held.
    Settle,
    /// Stable pods come beside the canary pods until they are more than the replicas, held and
    /// paused.
    Widen,
    /// Paused with the stable template: safe without a driver.
    Park,
    /// The native rollout of the canary.
    Promote,
    /// The native way back.
    Revert,
    /// The Deployment's own strategy again.
    Final,
}

/// Which numbers a form has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The Deployment's own.
    Own,
    /// These.
    Steps(Steps),
}

/// A form of the Deployment, and what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// Its number in the record, from 1; 0 before it was announced. It is part of the marker, since
    /// two forms on one way can have the same fields.
    #[serde(default)]
    pub id: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// The goal under which it was announced.
    pub seq: u64,
    /// The replicas it was made for.
    pub replicas: i32,
    /// Stable pods that it leads to.
    pub stable: i32,
    /// Canary pods that it leads to.
    pub canary: i32,
    /// Whose template it has.
    pub template: Template,
    /// Whether it holds.
    pub held: bool,
    /// Whether it is paused.
    pub paused: bool,
    /// Its numbers.
    pub strategy: Strategy,
}

/// The fields of a Deployment that a form decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Whose template; `None` is somebody else's.
    pub template: Option<Template>,
    /// `spec.minReadySeconds`.
    pub min_ready: i64,
    /// `spec.progressDeadlineSeconds`.
    pub deadline: Option<i64>,
    /// `spec.paused`.
    pub paused: bool,
    /// `spec.strategy`.
    pub strategy: Value,
}

impl Form {
    /// Says whether it is the same, whatever its number.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Self { id: 0, ..*self } == Self { id: 0, ..*other }
    }

    /// Returns what the Deployment looks like in this form.
    #[must_use]
    pub fn shape(&self, original: &Original) -> Shape {
        let Original {
            min_ready,
            deadline,
            strategy,
            ..
        } = original;
        let (min_ready, deadline) = if self.held {
            (HOLD_SECONDS, Some(HOLD_DEADLINE))
        } else {
            (*min_ready, *deadline)
        };
        let strategy = match self.strategy {
            Strategy::Own => strategy.clone(),
            Strategy::Steps(steps) => json!({
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": steps.surge, "maxUnavailable": steps.unavailable},
            }),
        };
        Shape {
            template: Some(self.template).filter(|template| *template != Template::Foreign),
            min_ready,
            deadline,
            paused: self.paused,
            strategy,
        }
    }
}

/// What the Deployment was like before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Original {
    /// `spec.template` of the stable ReplicaSet.
    pub template: Value,
    /// Whether the Deployment was paused with the canary's template pending.
    pub pending: bool,
    /// `spec.replicas` at that time, for information.
    pub replicas: i32,
    /// `spec.minReadySeconds`, 0 when absent.
    pub min_ready: i64,
    /// `spec.progressDeadlineSeconds`.
    pub deadline: Option<i64>,
    /// `spec.strategy`.
    pub strategy: Value,
    /// The GitOps tool that keeps it, if one does: a template that comes in between is Git's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<String>,
    /// Who owned which of its fields: they get them back at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managers: Vec<Value>,
}
