//! What a setup did.

use std::path::Path;

use serde::Serialize;

use crate::commands::issue::setup::manifest::SCRIPT;

/// What came of it; `setup` in the `OnboardReport` document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupReport {
    /// Objects that were applied: `deployment.apps/web`.
    pub applied: Vec<String>,
    /// Objects that the server did not take.
    pub refused: Vec<Refused>,
    /// How the script ended; absent when it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<ScriptReport>,
}

/// An object that the server did not take, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub object: String,
    /// File and line.
    pub place: String,
    pub reason: String,
}

/// How `setup.sh` ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScriptReport {
    /// `None` when a signal ended it.
    pub exit_code: Option<i32>,
    pub seconds: f64,
}

impl SetupReport {
    /// Returns one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{} applied", objects(self.applied.len()));
        if !self.refused.is_empty() {
            text.push_str(&format!(", {} refused", self.refused.len()));
        }
        match &self.script {
            Some(script) if script.exit_code == Some(0) => {
                text.push_str(&format!(", {SCRIPT} done in {:.1}s", script.seconds));
            }
            Some(_) => text.push_str(&format!(", {SCRIPT} failed")),
            None => {}
        }
        text
    }
}

/// How the user's objects are applied.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// The user's file.
    pub kubeconfig: &'a Path,
    /// Who owns the fields.
    pub field_manager: &'a str,
    /// Take over fields that another manager has set.
    pub force_conflicts: bool,
}

pub fn objects(count: usize) -> String {
    match count {
        1 => "1 object".to_owned(),
        count => format!("{count} objects"),
    }
}
