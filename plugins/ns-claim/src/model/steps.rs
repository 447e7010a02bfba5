//! What becomes of an object: the words that a dry run and a run share.

use std::fmt;

use serde::Serialize;

/// What becomes of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was missing.
    Created,
    /// It was there and differed.
    Configured,
    /// It was as it should be, or was not there and should not be.
    Unchanged,
    /// It was there and should not be.
    Deleted,
    /// Only a run can tell: the user may not read it.
    Unseen,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Created => "created",
            Self::Configured => "configured",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Unseen => "created unless it exists",
        })
    }
}
