//! The answer to one question.

use serde::{Serialize, Serializer};

use crate::model::engine::Grants;
use crate::model::policy::Policy;

/// Whether something is allowed; documents say `true`, `false` or `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A grant was found.
    Allowed,
    /// There is no grant.
    Denied,
    /// No grant was found, and something that could hold one was not read.
    Unknown,
}

impl Decision {
    /// Decides by the grants that were found for a question in a namespace, or (empty) about the
    /// whole cluster. What is granted is granted, whatever else could not be read.
    #[must_use]
    pub fn of(grants: &Grants, policy: &Policy, namespace: &str) -> Self {
        if grants.allowed() {
            Self::Allowed
        } else if policy.can_deny_in(namespace) {
            Self::Denied
        } else {
            Self::Unknown
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Allowed => serializer.serialize_bool(true),
            Self::Denied => serializer.serialize_bool(false),
            Self::Unknown => serializer.serialize_none(),
        }
    }
}
