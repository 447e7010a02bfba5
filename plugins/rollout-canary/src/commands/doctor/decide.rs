//! What is wrong, and what fixes it.

use groundcrew::finding::{Finding, Severity};
use serde_json::Value;

use crate::cluster::records::Stored;
use crate::cluster::routes::leftover::{LeftRoute, Leftover};
use crate::commands::doctor::observe::Observed;
use crate::model::names::{MARKER, is_hold, record_name};
use crate::model::object::{self, without_hash};
use crate::model::patch::Before;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;
use crate::model::state;
use crate::model::target::Target;

/// Something that is wrong, and its repair, if there is one that needs no guess.
#[derive(Debug)]
pub struct Problem<'a> {
    /// What is wrong.
    pub finding: Finding,
    /// What `--fix` does.
    pub repair: Option<Repair<'a>>,
}

/// What `--fix` does about a problem.
#[derive(Debug)]
pub enum Repair<'a> {
    /// The extra backend goes from a route.
    Route(&'a LeftRoute),
    /// The extra Service goes.
    ExtraService(&'a k8s_openapi::api::core::v1::Service),
    /// The record goes.
    DropRecord(&'a Stored),
    /// The marker and the hold go; what was there before is put back where that is known, and the
    /// rollout goes on natively.
    LetGo(Option<Before>),
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was changed.
    Configured,
    /// It was deleted.
    Deleted,
    /// It is as it was: somebody else was there first.
    Unchanged,
}

impl Outcome {
    /// Returns the word that people read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Deleted => "deleted",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Repair<'_> {
    /// Returns the object that is changed, as kubectl names it.
    #[must_use]
    pub fn object(&self, target: &Target) -> String {
        match self {
            Self::Route(left) => left.route.to_string(),
            Self::ExtraService(service) => {
                format!(
                    "service/{}",
                    service.metadata.name.as_deref().unwrap_or_default()
                )
            }
            Self::DropRecord(_) => format!("configmap/{}", record_name(&target.name)),
            Self::LetGo(_) => format!("deployment.apps/{}", target.name),
        }
    }

    /// Returns what becomes of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Route(_) | Self::LetGo(_) => Outcome::Configured,
            Self::ExtraService(_) | Self::DropRecord(_) => Outcome::Deleted,
        }
    }
}

/// Finds everything that is wrong. The pods that a route leads to go last.
#[must_use]
pub fn problems<'a>(observed: &'a Observed, target: &Target) -> Vec<Problem<'a>> {
    let mut problems = in_routes(&observed.left, target);
    problems.extend(in_record(observed, target));
    problems.extend(in_deployment(observed, target));
    problems
}

fn error(what: &str, at: String, why: String, fix: String) -> Finding {
    Finding::new(Severity::Error, what, why).at(at).fix(fix)
}

fn in_routes<'a>(left: &'a Leftover, target: &Target) -> Vec<Problem<'a>> {
    let fix = target.words("doctor", "--fix");
    let extra = &left.extra;
    let routes = left.routes.iter().map(|route| {
        let name = route.route.to_string();
        let why = format!("leads to service/{extra}, and no record mentions it");
        match &route.by_hand {
            None => Problem {
                finding: error("leftover backend", name, why, format!("remove it:  {fix}")),
                repair: Some(Repair::Route(route)),
            },
            Some(reason) => {
                let edit = format!("kubectl edit {name} -n {}", target.namespace);
                Problem {
                    finding: error("leftover backend", name, format!("{why}; {reason}"), edit),
                    repair: None,
                }
            }
        }
    });
    let in_use = left.routes.iter().any(|route| route.by_hand.is_some());
    let service = left.service.iter().map(|service| {
        let fix = if in_use {
            format!("once no route leads there:  {fix}")
        } else {
            format!("delete it:  {fix}")
        };
        let why = "is left over from a canary".to_owned();
        Problem {
            finding: error("leftover service", format!("service/{extra}"), why, fix),
            repair: (!in_use).then_some(Repair::ExtraService(service)),
        }
    });
    routes.chain(service).collect()
}

fn in_record<'a>(observed: &'a Observed, target: &Target) -> Option<Problem<'a>> {
    let stored = observed.stored.as_ref()?;
    let record = &stored.record;
    if !observed.is_current(record) {
        let why = "belongs to an earlier Deployment with this name".to_owned();
        let at = format!("configmap/{}", record_name(&target.name));
        let fix = format!("delete it:  {}", target.words("doctor", "--fix"));
        return Some(Problem {
            finding: error("leftover record", at, why, fix),
            repair: Some(Repair::DropRecord(stored)),
        });
    }
    canary(observed, record, target).map(|finding| Problem {
        finding,
        repair: None,
    })
}

/// What is wrong with a canary that has a record.
fn canary(observed: &Observed, record: &Record, target: &Target) -> Option<Finding> {
    let at = format!("deployment.apps/{}", target.name);
    let seen = observed.cluster.seen(record, observed.now);
    if let Some(conflict) = state::conflict(record, &seen) {
        let remedies = conflict.remedies(target).into_iter();
        let fix = remedies
            .map(|remedy| remedy.to_string())
            .collect::<Vec<_>>();
        return Some(error("conflict", at, conflict.what(target), fix.join("; ")));
    }
    let phase = state::phase(record, &seen);
    state::is_abandoned(phase, record, &seen, observed.driving).then(|| {
        let fix = format!(
            "roll it back:  {}; or go on:  {}",
            target.words("abort", ""),
            target.words("resume", "")
        );
        let why = "the canary is not at rest, and nobody is driving it".to_owned();
        error("abandoned canary", at, why, fix)
    })
}

/// What is wrong with a Deployment that no record is about.
fn in_deployment<'a>(observed: &Observed, target: &Target) -> Option<Problem<'a>> {
    let deployment = &observed.cluster.deployment;
    let held = is_hold(&deployment["spec"]["minReadySeconds"]);
    let marked = deployment["metadata"]["labels"][MARKER].is_string();
    let record = observed.stored.as_ref().map(|stored| &stored.record);
    if record.is_some_and(|record| observed.is_current(record)) || !(held || marked) {
        return None;
    }
    let command = target.words("doctor", "--fix");
    let before = held.then(|| before(&observed.cluster)).flatten();
    let (what, why) = if held {
        let why = "is held, and there is no record of a canary".to_owned();
        ("leftover hold", why)
    } else {
        let why = format!("has the label {MARKER}, and there is no record of a canary");
        ("leftover label", why)
    };
    let fix = match (&before, held) {
        (Some(before), _) => format!(
            "restore the template of replicaset {}, which ran before (the strategy becomes 25% and \
             0, because the earlier one is unknown):  {command}",
            before.set
        ),
        (None, true) => {
            format!("roll out the current template, because the earlier one is unknown:  {command}")
        }
        (None, false) => format!(
            "roll out the current template (the strategy becomes 25% and 0, because the earlier \
             one is unknown):  {command}"
        ),
    };
    let at = format!("deployment.apps/{}", target.name);
    Some(Problem {
        finding: error(what, at, why, fix),
        repair: Some(Repair::LetGo(before)),
    })
}

/// Returns what ran before a hold without a record: a hold writes its minReadySeconds to the canary's
/// ReplicaSet alone, so it is the only other one with pods.
fn before(cluster: &Snapshot) -> Option<Before> {
    let seconds = |set: &Value| set["spec"]["minReadySeconds"].as_i64().unwrap_or_default();
    let is_held = |set: &Value| is_hold(&set["spec"]["minReadySeconds"]);
    let mut others = cluster.active().into_iter().filter(|set| !is_held(set));
    let only = others.next().filter(|_| others.next().is_none())?;
    Some(Before {
        set: object::text(&only["metadata"]["name"]).to_owned(),
        template: without_hash(&only["spec"]["template"]),
        min_ready: seconds(only),
    })
}
