//! What becomes of a thing: the words that a dry run and a run have in common.

use std::fmt;

use serde::Serialize;

/// What becomes of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is missing and is made.
    Created,
    /// It differs and is brought up to date.
    Configured,
    /// It is as it should be.
    Unchanged,
    /// Another one takes its place, without a moment in which there is none.
    Replaced,
    /// It is removed.
    Deleted,
    /// A credential is issued.
    Issued,
    /// A credential loses its rights.
    Revoked,
    /// A request is denied.
    Denied,
    /// A manifest is applied; the server alone knows what it changes.
    Applied,
    /// It is run.
    Run,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
            Self::Issued => "issued",
            Self::Revoked => "revoked",
            Self::Denied => "denied",
            Self::Applied => "applied",
            Self::Run => "run",
        })
    }
}

/// One line of a plan or of a run: a thing, what becomes of it, and more for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The thing: `rolebinding/onboard-alice`.
    pub object: String,
    /// What becomes of it.
    pub change: Change,
    /// More for people; often nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Line {
    /// Returns a line.
    #[must_use]
    pub fn new(object: impl Into<String>, change: Change, detail: impl Into<String>) -> Self {
        Self {
            object: object.into(),
            change,
            detail: detail.into(),
        }
    }
}

/// Renders lines for people; `suffix` is what a dry run adds to each.
#[must_use]
pub fn text(lines: &[Line], suffix: &str) -> String {
    let heads: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {}{suffix}", line.object, line.change))
        .collect();
    let width = heads.iter().map(|head| head.chars().count()).max();
    let width = width.unwrap_or_default().min(60);
    let rows = heads.iter().zip(lines);
    rows.map(|(head, line)| {
        format!(
            "{}\n",
            format!("{head:<width$}   {}", line.detail).trim_end()
        )
    })
    .collect()
}
