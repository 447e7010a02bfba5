//! What a report is made of.

use serde::Serialize;

use crate::model::advice::Grade;
use crate::model::level::Level;
use crate::model::standards::{InvalidLabel, Policy};
use crate::model::workload::ObjectRef;

/// A namespace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Namespace {
    /// Name; empty for manifests that state none.
    pub name: String,
    /// Whether the API server's configuration exempts it.
    pub exempt: bool,
    /// What its labels mean; `None` when they could not be seen.
    pub policy: Option<Policy>,
    /// Where the enforced level comes from.
    pub origin: Option<Origin>,
    /// Labels that the server would refuse.
    pub invalid_labels: Vec<InvalidLabel>,
    /// The strictest level that everything in it passes; `None` when not everything was seen.
    pub today: Option<Level>,
    /// The same after the safe fixes.
    pub after_safe_fixes: Option<Level>,
    /// Who keeps it from the next level, as `kind/name`.
    pub blockers: Vec<String>,
}

/// Where an enforced level comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The namespace's label.
    Label,
    /// Nothing says otherwise.
    Default,
    /// The API server's configuration.
    Configuration,
}

/// A root owner with everything that it makes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The owner.
    pub object: ObjectRef,
    /// File and line, for manifests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The strictest level that it passes.
    pub today: Level,
    /// The same after the safe fixes.
    pub after_safe_fixes: Level,
    /// What keeps it from the next level.
    pub reasons: Vec<Reason>,
    /// Live pods that were evaluated.
    pub pods: usize,
    /// Pods whose template passes a level that they do not: something was added to them.
    pub injected: Vec<String>,
    /// The strictest level that its template passes, where it was seen.
    #[serde(skip)]
    pub(super) template: Option<Level>,
}

/// What keeps an owner from a level.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// The level.
    pub level: Level,
    /// The check.
    pub check: &'static str,
    /// How much a fix changes.
    pub fix: Grade,
}
