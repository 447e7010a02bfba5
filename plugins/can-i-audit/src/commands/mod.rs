//! What there is to ask; one file each.

pub mod check;
pub mod diff;
mod format;
pub mod matrix;
pub mod overview;
pub mod risks;
pub mod snapshot;
pub mod verify;
pub mod what;
pub mod who;
pub mod why;

use can_i_audit::policy::{Gap, Policy};
use groundcrew::error::Result;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Kind, json, yaml};
use serde::Serialize;

/// A body with what it is based on.
#[derive(Debug, Serialize)]
pub struct Based<'a, T> {
    /// Everything was read.
    pub complete: bool,
    /// What was not.
    #[serde(skip_serializing_if = "<[Gap]>::is_empty")]
    pub missing: &'a [Gap],
    #[serde(flatten)]
    pub body: T,
}

/// Renders a document in JSON or YAML, or `None` for people.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn document<T: Serialize>(
    kind: Kind,
    policy: &Policy,
    body: T,
    output: &OutputArgs,
) -> Result<Option<String>> {
    let document = || {
        Document::new(
            kind,
            Based {
                complete: policy.is_complete(),
                missing: &policy.gaps,
                body,
            },
        )
    };
    match output.format {
        Format::Json => json(&document()).map(Some),
        Format::Yaml => yaml(&document()).map(Some),
        Format::Table | Format::Wide | Format::Name => Ok(None),
    }
}
