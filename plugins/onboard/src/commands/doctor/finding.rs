//! A diagnosis and its lines.

use groundcrew::exit::Exit;
use serde::Serialize;

/// What was found; the body of the `OnboardDiagnosis` document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Everything could be looked at.
    pub complete: bool,
    /// One for each thing that was looked at.
    pub checks: Vec<Line>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, and someone should know.
    Warning,
    /// It does not work, or is not what is on record.
    Broken,
    /// It could not be looked at.
    Unseen,
}

impl State {
    /// Returns the word that people and documents read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Broken => "broken",
            Self::Unseen => "unseen",
        }
    }
}

impl Line {
    /// Returns a line.
    pub fn new(check: &'static str, state: State, found: impl Into<String>) -> Self {
        Self {
            check,
            state,
            found: found.into(),
            fix: None,
        }
    }

    /// Returns a line for what could not be looked at.
    pub fn unseen(check: &'static str, why: &str) -> Self {
        Self::new(check, State::Unseen, why)
    }

    /// Says what to do about it.
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self {
            fix: Some(fix.into()),
            ..self
        }
    }
}

impl Diagnosis {
    /// Returns how the run ends.
    pub fn exit(&self) -> Exit {
        if self.checks.iter().any(|line| line.state == State::Broken) {
            Exit::No
        } else if !self.complete {
            Exit::Incomplete
        } else {
            Exit::Done
        }
    }
}
