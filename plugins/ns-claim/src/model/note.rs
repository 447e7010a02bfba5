//! What a command writes into a claim's annotations, decided before it is sent.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::claim::{Claim, Expires};
use super::meta;

/// One annotation of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// When it expires.
    Expires(Timestamp),
    /// Who owns it.
    Owner(String),
    /// Who protected it; `None` removes the protection.
    Protected(Option<String>),
}

impl Note {
    /// Returns the annotations of a merge patch.
    #[must_use]
    pub fn patch(&self) -> Value {
        match self {
            Self::Expires(end) => json!({meta::EXPIRES: end.to_string()}),
            Self::Owner(owner) => json!({meta::OWNER: owner}),
            Self::Protected(by) => json!({meta::PROTECTED: by}),
        }
    }

    /// Says whether the claim says so already. A claim that someone else protected is protected.
    #[must_use]
    pub fn is_on(&self, claim: &Claim) -> bool {
        match self {
            Self::Expires(end) => claim.expires == Expires::At(*end),
            Self::Owner(owner) => claim.owner.as_ref() == Some(owner),
            Self::Protected(by) => claim.protected_by.is_some() == by.is_some(),
        }
    }

    /// Returns the claim as it is once that is written.
    #[must_use]
    pub fn put_on(&self, claim: Claim) -> Claim {
        match self {
            Self::Expires(end) => Claim {
                expires: Expires::At(*end),
                ..claim
            },
            Self::Owner(owner) => Claim {
                owner: Some(owner.clone()),
                ..claim
            },
            Self::Protected(by) => Claim {
                protected_by: by.clone(),
                ..claim
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::{at, claim};

    #[test]
    fn a_note_that_was_put_on_is_on() {
        for note in [
            Note::Expires(at("2026-11-22T20:00:00Z")),
            Note::Owner("bo".to_owned()),
            Note::Protected(Some("carol".to_owned())),
        ] {
            assert!(!note.is_on(&claim()), "{note:?}");
            assert!(note.is_on(&note.put_on(claim())), "{note:?}");
        }
        assert!(Note::Protected(None).is_on(&claim()));
    }
}
