//! What a namespace's labels mean.
//!
//! Source: `PolicyToEvaluate` in `api/helpers.go` of `k8s.io/pod-security-admission`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::level::{Level, LevelVersion, Server, Version};

/// Prefix of the six labels.
pub const LABEL_PREFIX: &str = "pod-security.kubernetes.io/";

/// What a violation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The pod is refused.
    Enforce,
    /// The audit log gets a note.
    Audit,
    /// The client gets a warning.
    Warn,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Audit, Self::Warn];

    /// Returns the word of the labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
            Self::Warn => "warn",
        }
    }

    /// Returns the label of the level.
    #[must_use]
    pub fn label(self) -> String {
        format!("{LABEL_PREFIX}{}", self.as_str())
    }

    /// Returns the label of the version.
    #[must_use]
    pub fn version_label(self) -> String {
        format!("{LABEL_PREFIX}{}-version", self.as_str())
    }
}

/// What a namespace asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct Policy {
    /// What is refused.
    pub enforce: LevelVersion,
    /// What is noted in the audit log.
    pub audit: LevelVersion,
    /// What is warned of.
    pub warn: LevelVersion,
}

/// A label that the server would refuse on creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvalidLabel {
    /// Label.
    pub label: String,
    /// Its value.
    pub value: String,
    /// What the server says.
    pub message: String,
}

/// Returns what labels mean to a server whose configuration has these defaults, and the labels
/// that are invalid: an invalid level enforces `restricted` (it fails closed) and neither audits
/// nor warns (it fails open); an invalid version is `latest`.
#[must_use]
pub fn policy(
    labels: &BTreeMap<String, String>,
    defaults: Policy,
    server: Server,
) -> (Policy, Vec<InvalidLabel>) {
    let mut policy = defaults;
    let mut invalid = Vec::new();
    let mut enforced_by_label = false;
    for mode in Mode::ALL {
        let target = match mode {
            Mode::Enforce => &mut policy.enforce,
            Mode::Audit => &mut policy.audit,
            Mode::Warn => &mut policy.warn,
        };
        let (label, version_label) = (mode.label(), mode.version_label());
        if let Some(value) = labels.get(&label) {
            match value.parse() {
                Ok(level) => {
                    target.level = level;
                    enforced_by_label |= mode == Mode::Enforce;
                }
                Err(message) => {
                    target.level = if mode == Mode::Enforce {
                        Level::Restricted
                    } else {
                        Level::Privileged
                    };
                    invalid.push(wrong(label, value, message));
                }
            }
        }
        if let Some(value) = labels.get(&version_label) {
            target.version = value.parse().unwrap_or_else(|message| {
                invalid.push(wrong(version_label, value, message));
                Version::Latest
            });
        }
    }
    // Since 1.26 an explicit enforce level also warns, unless something else is asked for.
    let warns = labels.contains_key(&Mode::Warn.label());
    let enforce = policy.enforce;
    if server.minor() >= 26 && enforced_by_label && !warns && enforce.level > policy.warn.level {
        policy.warn.level = enforce.level;
        if !labels.contains_key(&Mode::Warn.version_label()) {
            policy.warn.version = enforce.version;
        }
    }
    (policy, invalid)
}

fn wrong(label: String, value: &str, message: &str) -> InvalidLabel {
    InvalidLabel {
        label,
        value: value.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(labels: &[(&str, &str)], minor: u32) -> (Policy, Vec<InvalidLabel>) {
        let labels = labels
            .iter()
            .map(|(key, value)| (format!("{LABEL_PREFIX}{key}"), (*value).to_owned()))
            .collect();
        policy(&labels, Policy::default(), Server::new(minor).unwrap())
    }

    #[test]
    fn no_label_is_privileged_and_a_version_alone_does_nothing() {
        let (policy, invalid) = read(&[("enforce-version", "v1.30")], 36);
        assert_eq!(policy.enforce.to_string(), "privileged:v1.30");
        assert!(invalid.is_empty());
    }

    #[test]
    fn enforcing_warns_too_since_1_26() {
        let labels = [("enforce", "baseline"), ("enforce-version", "v1.30")];
        assert_eq!(read(&labels, 26).0.warn.to_string(), "baseline:v1.30");
        assert_eq!(read(&labels, 25).0.warn.to_string(), "privileged:latest");
        let labels = [("enforce", "baseline"), ("warn-version", "v1.2")];
        assert_eq!(read(&labels, 36).0.warn.to_string(), "baseline:v1.2");
    }

    #[test]
    fn an_invalid_label_enforces_restricted_and_warns_of_nothing() {
        let (policy, invalid) = read(&[("enforce", "Baseline"), ("warn", "x")], 36);
        assert_eq!(policy.enforce.to_string(), "restricted:latest");
        assert_eq!(policy.warn.level, Level::Privileged);
        assert_eq!(invalid.len(), 2);
        assert_eq!(
            invalid[0].message,
            "must be one of privileged, baseline, restricted"
        );
    }
}
