//! What was found, as the document has it.

use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;
use crate::model::generation::Generation;

/// What was found; the body of the `OnboardVerification` document.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// The file, when one was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Whose it is; null when the credential does not say.
    pub user: Option<String>,
    /// The user's namespace.
    pub namespace: Option<String>,
    /// Every credential that was looked at.
    pub credentials: Vec<Credential>,
    /// What the file's holder can do in their namespace, of what was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub can: Option<Vec<String>>,
    /// What was checked, and what could not be.
    #[serde(flatten, serialize_with = "apart")]
    pub checks: Vec<Check>,
}

/// One credential as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credential {
    /// Certificate or token; null when it is another kind.
    pub r#type: Option<CredentialKind>,
    /// Its generation; null when it is not one of `kubectl onboard`'s.
    pub generation: Option<u32>,
    /// When it expires.
    pub not_after: Option<Timestamp>,
    /// `live`, `revoked`, `replaced`, `expired`, `unknown`.
    pub state: State,
}

/// Where a credential is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds rights.
    Live,
    /// Its rights were taken away.
    Revoked,
    /// It was replaced and its grace period is over; its rights are still to be taken away.
    Replaced,
    /// It has expired.
    Expired,
    /// The record could not be seen, or does not know it.
    Unknown,
}

impl State {
    /// Returns the word that documents use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }

    /// Returns the state of an issue on record.
    pub fn of(issue: &Generation, now: Timestamp) -> Self {
        if issue.revoked_at.is_some() {
            Self::Revoked
        } else if issue.not_after <= now {
            Self::Expired
        } else if issue.is_due(now) {
            Self::Replaced
        } else {
            Self::Live
        }
    }
}

impl Verification {
    /// Returns how the run ends.
    pub fn exit(&self) -> Exit {
        Check::exit(&self.checks)
    }
}

/// Keeps what could not be checked apart from what was.
fn apart<S: serde::Serializer>(checks: &[Check], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Seen<'a> {
        complete: bool,
        checks: Vec<Checked<'a>>,
        unseen: Vec<Unseen>,
    }
    #[derive(Serialize)]
    struct Checked<'a> {
        check: &'a str,
        result: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
    }
    let unseen: Vec<Unseen> = checks
        .iter()
        .filter_map(|check| Some(Unseen::new(check.name(), check.undecided_because()?)))
        .collect();
    let decided = checks
        .iter()
        .filter(|check| check.undecided_because().is_none());
    let seen = Seen {
        complete: unseen.is_empty(),
        checks: decided
            .map(|check| {
                let (result, why) = check.result();
                let check = check.name();
                Checked { check, result, why }
            })
            .collect(),
        unseen,
    };
    seen.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_checked_is_apart_from_the_checks() {
        let found = Verification {
            file: None,
            user: Some("alice".to_owned()),
            namespace: Some("alice".to_owned()),
            credentials: Vec::new(),
            can: None,
            checks: vec![
                Check::new("namespace alice", None),
                Check::failed("a live credential", "none"),
                Check::undecided("g1, 3 rights", "forbidden"),
            ],
        };
        insta::assert_snapshot!(
            serde_json::to_string(&found).unwrap(),
            @r#"{"user":"alice","namespace":"alice","credentials":[],"complete":false,"checks":[{"check":"namespace alice","result":"ok"},{"check":"a live credential","result":"no","why":"none"}],"unseen":[{"what":"g1, 3 rights","why":"forbidden"}]}"#
        );
    }
}
