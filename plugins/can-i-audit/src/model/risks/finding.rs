//! Findings and their severity.

use serde::Serialize;

use crate::model::engine::Chain;
use crate::model::subject::Subject;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Of little consequence.
    Low,
    /// Worth a look.
    Medium,
    /// Leads to more than was meant.
    High,
    /// The whole cluster.
    Critical,
}

impl Severity {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// One step down, and never to nothing.
    pub(super) fn lower(self) -> Self {
        match self {
            Self::Info => Self::Info,
            Self::Low | Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }
}

impl std::str::FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Self::Info,
            Self::Low,
            Self::Medium,
            Self::High,
            Self::Critical,
        ]
        .into_iter()
        .find(|severity| severity.word() == text)
        .ok_or_else(|| "use info, low, medium, high or critical".to_owned())
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule, such as `CIA-012`.
    pub rule: &'static str,
    /// Its severity here.
    pub severity: Severity,
    /// The subject; `None` when the finding is about an object only.
    pub subject: Option<Subject>,
    /// The namespace; `None` is cluster-wide.
    pub namespace: Option<String>,
    /// The object, such as `Role/payments/api`, when it is about one.
    pub object: Option<String>,
    /// It is limited to objects of certain names.
    pub limited: bool,
    /// The grants behind it.
    pub chains: Vec<Chain>,
    /// Details of this case.
    pub detail: String,
    /// The smallest change that removes it.
    pub fix: String,
}
