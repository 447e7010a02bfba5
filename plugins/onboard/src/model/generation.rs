//! One generation of a credential, as the record has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::credential_kind::CredentialKind;
use crate::model::login::Asserted;

/// One issue of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generation {
    /// Counts from 1 and never goes back.
    pub generation: u32,
    /// Certificate or token.
    #[serde(rename = "type")]
    pub kind: CredentialKind,
    /// SHA-256 of the certificate; absent for a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// The groups inside the credential.
    pub groups: Vec<String>,
    /// Who a login makes the user, when somebody else issues the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asserted: Option<Asserted>,
    /// When it ends by itself.
    pub not_after: Timestamp,
    /// When it was recorded.
    pub issued_at: Timestamp,
    /// The server's word for the admin who ran the command.
    pub issued_by: String,
    /// When it was last proved that it works and reaches no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_at: Option<Timestamp>,
    /// When another one takes its place; its rights last until then at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire_after: Option<Timestamp>,
    /// When its rights were taken away, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
}

/// The end of a credential that its issuer ends, far from here.
pub const NEVER: Timestamp = Timestamp::constant(253_370_764_800, 0);

impl Generation {
    /// Returns whether another one has taken its place and its rights are still to be taken.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.retire_after.is_some_and(|at| at <= now)
    }
}
