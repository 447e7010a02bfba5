//! What a user could have left behind: credentials and rights of others that outlive their own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A namespace that stays, and in which the user could make what outlives their rights.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Left {
    /// The namespace.
    pub namespace: String,
    /// Service accounts that the user could create tokens for; empty when they could not, or when
    /// the accounts cannot be listed.
    pub service_accounts: Vec<String>,
    /// The user could create tokens.
    pub tokens: bool,
    /// Secrets with tokens of service accounts, which do not expire.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_secrets: Vec<String>,
    /// Bindings of service accounts that were made while the user could make bindings: no server
    /// tells who made one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Other>,
    /// Why the Secrets could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

impl Left {
    /// Returns whether there is anything to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.tokens
            && self.token_secrets.is_empty()
            && self.bindings.is_empty()
            && self.unseen.is_none()
    }
}

/// Returns what is known of now, and of earlier runs what is not known any more: the rights that
/// showed it are gone.
#[must_use]
pub fn merged(earlier: &[Left], now: Vec<Left>) -> Vec<Left> {
    let known = |one: &&Left| !now.iter().any(|new| new.namespace == one.namespace);
    let mut all: Vec<Left> = earlier.iter().filter(known).cloned().collect();
    all.extend(now);
    all.sort_by(|one, other| one.namespace.cmp(&other.namespace));
    all
}

/// A binding that the user's record does not account for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    /// `rolebinding/shop/sneaky`.
    pub binding: String,
    /// What it grants: `ClusterRole admin`.
    pub grants: String,
    /// Who gets it: `user alice`, `serviceaccount shop/ci`.
    pub to: Vec<String>,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            binding,
            grants,
            to,
        } = self;
        write!(f, "{binding} grants {grants} to {}", to.join(", "))
    }
}
