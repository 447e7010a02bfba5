//! Findings that were looked at and accepted, each with a reason and an expiry date.

use std::path::Path;

use can_i_audit::model::risks::Finding;
use groundcrew::error::{Error, Result};
use groundcrew::output::API_VERSION;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::text;

/// The kind of the file.
const KIND: &str = "AccessBaseline";

/// The file of `--baseline`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Baseline {
    api_version: String,
    kind: String,
    #[serde(default)]
    suppressions: Vec<Suppression>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Suppression {
    rule: String,
    /// Absent fields match all.
    subject: Option<String>,
    namespace: Option<String>,
    object: Option<String>,
    reason: String,
    /// The last day on which it counts.
    until: Date,
}

/// Reads the file.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn read(file: &Path) -> Result<Baseline> {
    let text = text::read_file(file)?;
    let name = file.display().to_string();
    let baseline: Baseline = text::yaml(&text, &name)?;
    if baseline.api_version != API_VERSION || baseline.kind != KIND {
        return Err(
            Error::usage(format!("{name} is not a valid {KIND} file")).with_hint(format!(
                "it must start with apiVersion: {API_VERSION}, kind: {KIND}"
            )),
        );
    }
    for (index, one) in baseline.suppressions.iter().enumerate() {
        if one.reason.trim().is_empty() {
            return Err(Error::usage(format!(
                "{name}: suppression {index} ({}) has no reason",
                one.rule
            )));
        }
    }
    Ok(baseline)
}

impl Baseline {
    /// Takes accepted findings out; returns those, and what to say about ended suppressions.
    pub fn apply(&self, findings: &mut Vec<Finding>, now: Timestamp) -> (usize, Vec<String>) {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        let before = findings.len();
        let (current, ended): (Vec<&Suppression>, Vec<&Suppression>) =
            self.suppressions.iter().partition(|one| one.until >= today);
        findings.retain(|finding| !current.iter().any(|one| one.matches(finding)));
        let notes = ended
            .iter()
            .filter(|one| findings.iter().any(|finding| one.matches(finding)))
            .map(|one| format!("the suppression of {} expired on {}", one.rule, one.until))
            .collect();
        (before - findings.len(), notes)
    }
}

impl Suppression {
    fn matches(&self, finding: &Finding) -> bool {
        let subject = finding.subject.as_ref().map(ToString::to_string);
        self.rule == finding.rule
            && (self.subject.is_none() || self.subject == subject)
            && (self.namespace.is_none() || self.namespace == finding.namespace)
            && (self.object.is_none() || self.object == finding.object)
    }
}

#[cfg(test)]
mod tests {
    use can_i_audit::model::risks::Severity;

    use super::*;

    fn finding() -> Finding {
        Finding {
            rule: "CIA-012",
            severity: Severity::High,
            subject: "user:x".parse().ok(),
            namespace: Some("a".to_owned()),
            object: None,
            limited: false,
            chains: Vec::new(),
            detail: String::new(),
            fix: String::new(),
        }
    }

    #[test]
    fn a_suppression_counts_to_its_last_day_and_is_named_after_it() {
        let text = "{apiVersion: groundcrew.dev/v1alpha1, kind: AccessBaseline, suppressions: \
                    [{rule: CIA-012, subject: 'user:x', reason: known, until: 2026-11-30}]}";
        let baseline: Baseline = text::yaml(text, "b.yaml").unwrap();
        let mut found = vec![finding()];
        let (count, notes) = baseline.apply(&mut found, "2026-11-30T23:00:00Z".parse().unwrap());
        assert_eq!((count, found.len(), notes.len()), (1, 0, 0));
        let mut found = vec![finding()];
        let (count, notes) = baseline.apply(&mut found, "2026-12-01T01:00:00Z".parse().unwrap());
        assert_eq!((count, found.len(), notes.len()), (0, 1, 1));
    }
}
