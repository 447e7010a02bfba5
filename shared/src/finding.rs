//! What a doctor found, in one shape for every plugin.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::output::Table;

/// What was read, or why it could not be. What could not be seen is never "nothing".
pub type Sight<T> = std::result::Result<T, String>;

/// Keeps the reason why something could not be read, so that the rest can be looked at.
///
/// # Errors
///
/// The first line of the error, without its `error: `.
pub fn sight<T>(read: Result<T>) -> Sight<T> {
    read.map_err(|error| reason(&error))
}

/// Returns an error as one line, without its `error: `.
#[must_use]
pub fn reason(error: &Error) -> String {
    let line = error.headline();
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Info,
    /// It works, and someone should look at it.
    Warning,
    /// It does not work, or is not what it should be.
    Error,
}

impl Severity {
    /// Returns the word that people and documents read.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at, or what is wrong, in a few words.
    pub what: String,
    /// Which object it is about; empty when it is about none.
    #[serde(rename = "where", skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// What was found.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What to do about it, ideally a command to paste.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fix: String,
    /// Whether this run fixed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fixed: bool,
}

impl Finding {
    /// Returns a finding.
    #[must_use]
    pub fn new(severity: Severity, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            severity,
            what: what.into(),
            place: String::new(),
            why: why.into(),
            fix: String::new(),
            fixed: false,
        }
    }

    /// Says which object it is about.
    #[must_use]
    pub fn at(self, place: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            ..self
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn fix(self, fix: impl Into<String>) -> Self {
        Self {
            fix: fix.into(),
            ..self
        }
    }
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unseen {
    /// What could not be looked at.
    pub what: String,
    /// Why, in the server's words.
    pub why: String,
}

impl Unseen {
    /// Returns what could not be looked at, and why.
    #[must_use]
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

/// What a doctor answers; flattened into the plugin's own document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Everything could be looked at.
    pub complete: bool,
    /// One for each thing that was looked at.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

impl Diagnosis {
    /// Returns the diagnosis; it is complete when nothing was left unseen.
    #[must_use]
    pub fn new(findings: Vec<Finding>, unseen: Vec<Unseen>) -> Self {
        Self {
            complete: unseen.is_empty(),
            findings,
            unseen,
        }
    }

    /// Returns how the run ends: 3 while an error is not fixed, 4 when something was not seen.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let open = |finding: &Finding| finding.severity == Severity::Error && !finding.fixed;
        match () {
            () if self.findings.iter().any(open) => Exit::No,
            () if !self.complete => Exit::Incomplete,
            () => Exit::Done,
        }
    }

    /// Renders it for people: a table, then what to do about each problem, because commands are
    /// long and a table would tear them apart. The object stands before what was found: names are
    /// too long for a column of their own.
    #[must_use]
    pub fn render(&self, headers: bool) -> String {
        let mut table = Table::new(headers.then_some(&["STATE", "CHECK", "FOUND"]));
        for finding in &self.findings {
            let state = if finding.fixed {
                "fixed"
            } else {
                finding.severity.word()
            };
            let parts = [finding.place.as_str(), finding.why.as_str()];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            table.row([state, &finding.what, &parts.join(": ")]);
        }
        for unseen in &self.unseen {
            table.row(["unseen", &unseen.what, &unseen.why]);
        }
        let mut text = table.render();
        for finding in &self.findings {
            if !finding.fix.is_empty() && !finding.fixed {
                text.push_str(&format!("\nfix {}: {}\n", finding.what, finding.fix));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Diagnosis {
        Diagnosis::new(
            vec![
                Finding::new(Severity::Ok, "server version", "v1.36.3"),
                Finding::new(Severity::Error, "quota", "changed since it was installed")
                    .at("resourcequota/alice/onboard")
                    .fix("kubectl onboard alice"),
            ],
            vec![Unseen::new("policies", "networkpolicies is forbidden")],
        )
    }

    #[test]
    fn a_fix_stands_below_the_table_in_one_piece() {
        insta::assert_snapshot!(found().render(true), @r"
        STATE    CHECK            FOUND
        ok       server version   v1.36.3
        error    quota            resourcequota/alice/onboard: changed since it was installed
        unseen   policies         networkpolicies is forbidden

        fix quota: kubectl onboard alice
        ");
    }

    #[test]
    fn an_error_outweighs_what_was_not_seen_until_it_is_fixed() {
        let mut diagnosis = found();
        assert_eq!(diagnosis.exit(), Exit::No);
        diagnosis.findings[1].fixed = true;
        assert_eq!(diagnosis.exit(), Exit::Incomplete);
        assert_eq!(Diagnosis::new(Vec::new(), Vec::new()).exit(), Exit::Done);
    }

    #[test]
    fn empty_fields_are_left_out_of_documents() {
        insta::assert_snapshot!(
            serde_json::to_string(&found().findings).unwrap(),
            @r#"[{"severity":"ok","what":"server version","why":"v1.36.3"},{"severity":"error","what":"quota","where":"resourcequota/alice/onboard","why":"changed since it was installed","fix":"kubectl onboard alice"}]"#
        );
    }
}
