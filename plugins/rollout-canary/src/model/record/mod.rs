//! What is remembered between commands, in the ConfigMap `rollout-canary.<deployment>`.
//!
//! The record is the authority: it is written before each effect, owned by the Deployment, and
//! bound to its UID. What is on the Deployment itself only proves whose run it is.

pub mod driver;
pub mod form;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::controller::rounding::{Steps, resolve};
use crate::model::names::FIELD_MANAGER;
use crate::model::names::{HOLD_BEFORE, HOLD_DEADLINE, HOLD_SECONDS};
use crate::model::object::without_hash;
use crate::model::record::driver::Driver;
use crate::model::record::form::{Form, Original, Shape, Template};
use crate::model::traffic::{Router, Shared};
use crate::model::verdict::asked::Asked;
use crate::model::verdict::judge::Judge;
use crate::model::weight::{Weight, Weights};

impl Shape {
    /// Reads a Deployment's `spec`.
    #[must_use]
    pub fn of(spec: &Value, record: &Record) -> Self {
        let found = without_hash(&spec["template"]);
        let template = [Template::Stable, Template::Canary]
            .into_iter()
            .find(|template| record.template(*template) == Some(&found));
        let min_ready = spec["minReadySeconds"].as_i64().unwrap_or_default();
        let deadline = spec["progressDeadlineSeconds"].as_i64();
        let (min_ready, deadline) = if (min_ready, deadline) == (HOLD_BEFORE.0, Some(HOLD_BEFORE.1))
        {
            (HOLD_SECONDS, Some(HOLD_DEADLINE))
        } else {
            (min_ready, deadline)
        };
        Self {
            template,
            min_ready,
            deadline,
            paused: spec["paused"].as_bool().unwrap_or_default(),
            strategy: spec["strategy"].clone(),
        }
    }
}

/// The layout of the current version.
pub const VERSION: u32 = 1;

/// The largest `budget` that is believed: more pods than this above the replicas no Deployment has,
/// and looking for a split takes time that grows with it.
pub const LARGEST_BUDGET: i32 = 10_000;

/// Of how many pods the counters are remembered: the record is written every few seconds.
const COUNTED: usize = 50;

/// Everything that is remembered of one canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The layout of this document.
    pub version: u32,
    /// Names the run; part of the marker.
    pub run: String,
    /// Grows with every change of driver, so that a driver that was frozen is told by it.
    pub fence: u64,
    /// The UID of the Deployment.
    pub uid: String,
    /// When it began, by the server.
    pub since: Timestamp,
    /// Who began it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Field managers under which it was written, beside this plugin's own name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managers: Vec<String>,
    /// What the Deployment was like.
    pub original: Original,
    /// The template that is tried, as the server filled it in.
    pub canary: Value,
    /// Hash of the stable ReplicaSet.
    pub stable_hash: String,
    /// Most pods above the replicas.
    pub budget: i32,
    /// Which layout was asked for.
    pub layout: Layout,
    /// A split that is far from what was asked for, or not parked, was accepted.
    #[serde(default)]
    pub accept_weight: bool,
    /// What is to become of it.
    pub goal: Goal,
    /// Grows with every new goal.
    pub seq: u64,
    /// The forms of the Deployment that were announced, oldest first.
    pub forms: Vec<Form>,
    /// What was asked of the whole rollout, if it is driven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// How it is judged, if that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What was seen of it so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Judge>,
    /// Who gives it its share of the requests.
    #[serde(default)]
    pub router: Router,
    /// What was done to routes, or is about to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Shared>,
    /// Who acts, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Driver>,
    /// What somebody else asks of the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
}

/// Which layout at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Surge where it is possible within the budget, else replace
    #[default]
    Auto,
    /// More stable pods than replicas, and the canaries: a dead canary costs no capacity
    Surge,
    /// As many pods as replicas
    Replace,
}

/// What is to become of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum Goal {
    /// A share of the pods.
    Hold {
        /// More than nothing, and less than everything.
        #[serde(rename = "percent")]
        weight: Weight,
    },
    /// Everything becomes the canary.
    Promote {
        /// Who wants it.
        by: String,
    },
    /// Everything becomes stable again.
    Abort {
        /// The template that is in the Deployment stays there.
        keep_spec: bool,
        /// What others changed is overwritten.
        #[serde(default)]
        force: bool,
        /// Why.
        reason: String,
        /// The canary is bad (or could not run): decides the exit code of who drives.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<Failure>,
        /// Who wants it.
        by: String,
    },
}

impl Goal {
    /// Returns the way back that nobody asked for.
    #[must_use]
    pub fn back() -> Self {
        Self::Abort {
            keep_spec: false,
            force: false,
            reason: String::new(),
            failed: None,
            by: String::new(),
        }
    }
}

/// Why a canary was rolled back without anybody asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// It is bad: exit 3.
    Bad,
    /// It could not be tried: exit 4.
    Untried,
}

/// A rollout in steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The weights; one of everything is the promotion.
    pub steps: Weights,
    /// Index of the current one.
    pub at: usize,
    /// How long each is watched, in seconds.
    pub soak: u64,
    /// How much of that is over, in seconds, at the last note.
    pub soaked: u64,
    /// Whether it is promoted without being asked.
    pub promote: bool,
    /// How long it is watched after the promotion, in seconds.
    pub bake: u64,
}

impl Rollout {
    /// Returns the weight after the current one, if it is less than everything.
    #[must_use]
    pub fn next(&self) -> Option<Weight> {
        self.steps.after(self.at)
    }

    /// Goes on to the next step, and begins to watch it.
    pub fn advance(&mut self) {
        self.at = (self.at + 1).min(self.steps.count() - 1);
        self.soaked = 0;
    }
}

/// Somebody's wish that the driver carries out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// What.
    pub goal: Goal,
}

impl Record {
    /// Returns the value of the marker while the Deployment is in a form.
    #[must_use]
    pub fn marker(&self, form: u32) -> String {
        format!("{}.{}.{form}", self.run, self.fence)
    }

    /// Returns the number of the form that a marker of this run names; `None` for any other marker,
    /// and for one with a fence that is newer than the record's.
    #[must_use]
    pub fn marked(&self, marker: &str) -> Option<u32> {
        let mut parts = marker.split('.');
        let run = parts.next()?;
        let fence: u64 = parts.next()?.parse().ok()?;
        let form = parts.next()?.parse().ok()?;
        (run == self.run && fence <= self.fence && parts.next().is_none()).then_some(form)
    }

    /// Announces a form, and returns it with its number.
    pub fn announce(&mut self, form: &Form) -> Form {
        let id = self.forms.iter().map(|form| form.id).max().unwrap_or(0) + 1;
        let form = Form { id, ..*form };
        self.forms.push(form);
        form
    }

    /// Returns a form as it was announced for the present goal.
    #[must_use]
    pub fn announced(&self, form: &Form) -> Option<Form> {
        self.forms
            .iter()
            .rev()
            .find(|known| known.is(form))
            .copied()
    }

    /// Returns the template of one side; somebody else's is not known.
    #[must_use]
    pub fn template(&self, template: Template) -> Option<&Value> {
        match template {
            Template::Stable => Some(&self.original.template),
            Template::Canary => Some(&self.canary),
            Template::Foreign => None,
        }
    }

    /// Returns both templates, the stable one first.
    #[must_use]
    pub fn templates(&self) -> (&Value, &Value) {
        (&self.original.template, &self.canary)
    }

    /// Returns the Deployment's own numbers at a number of replicas.
    #[must_use]
    pub fn own_steps(&self, replicas: i32) -> Steps {
        resolve(&self.original.strategy, replicas).unwrap_or_default()
    }

    /// Returns what the Deployment looked like before.
    #[must_use]
    pub fn untouched(&self) -> Shape {
        let template = if self.original.pending {
            Template::Canary
        } else {
            Template::Stable
        };
        Shape {
            template: Some(template),
            min_ready: self.original.min_ready,
            deadline: self.original.deadline,
            paused: self.original.pending,
            strategy: self.original.strategy.clone(),
        }
    }

    /// Returns the same, small enough for one object.
    #[must_use]
    pub fn stored(&self) -> Self {
        Self {
            judge: self.judge.as_ref().map(|judge| judge.at_most(COUNTED)),
            ..self.clone()
        }
    }

    /// Goes on to the next weight of the rollout, or to the promotion that ends it; says whether
    /// there is either.
    pub fn onward(&mut self, by: String) -> bool {
        let Some(rollout) = &mut self.rollout else {
            return false;
        };
        let goal = match rollout.next() {
            Some(weight) => Goal::Hold { weight },
            None if rollout.promote => Goal::Promote { by },
            None => return false,
        };
        if let Goal::Hold { .. } = goal {
            rollout.advance();
        }
        rollout.soaked = 0;
        self.aim(goal);
        true
    }

    /// Notes under which name it is written from here on.
    pub fn written_by(&mut self, manager: &str) {
        if manager != FIELD_MANAGER && !self.managers.iter().any(|known| known == manager) {
            self.managers.push(manager.to_owned());
        }
    }

    /// Keeps the weight as it is: the rollout in steps is over.
    pub fn stay(&mut self) {
        self.rollout = None;
        self.request = None;
    }

    /// Sets a new goal.
    pub fn aim(&mut self, goal: Goal) {
        self.goal = goal;
        self.seq += 1;
        self.request = None;
    }
}
