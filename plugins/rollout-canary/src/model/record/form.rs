//! Forms of a Deployment: the fields that are written, all of them at a time.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Original, Record};
use crate::meta;
use crate::model::Steps;

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
    pub fn shape(&self, record: &Record) -> Shape {
        let Original {
            min_ready,
            deadline,
            strategy,
            ..
        } = &record.original;
        let (min_ready, deadline) = if self.held {
            (meta::HOLD_SECONDS, Some(meta::HOLD_DEADLINE))
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

impl Shape {
    /// Reads a Deployment's `spec`.
    #[must_use]
    pub fn of(spec: &Value, record: &Record) -> Self {
        let found = without_hash(&spec["template"]);
        let template = [Template::Stable, Template::Canary]
            .into_iter()
            .find(|template| record.template(*template) == Some(&found));
        Self {
            template,
            min_ready: spec["minReadySeconds"].as_i64().unwrap_or_default(),
            deadline: spec["progressDeadlineSeconds"].as_i64(),
            paused: spec["paused"].as_bool().unwrap_or_default(),
            strategy: spec["strategy"].clone(),
        }
    }
}

/// Returns a pod template without the label that the controller adds to those of ReplicaSets
/// (`EqualIgnoreHash`).
#[must_use]
pub fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(meta::HASH);
    }
    template
}
