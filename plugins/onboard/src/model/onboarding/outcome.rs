//! What a run did.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::model::check::Check;
use crate::model::credential_kind::CredentialKind;

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// Generation of the credential that the user holds.
    pub generation: u32,
    /// Its kind.
    pub kind: CredentialKind,
    /// Groups inside it.
    pub groups: Vec<String>,
    /// When it ends.
    pub not_after: Timestamp,
    /// The user's file, when it is here.
    pub file: Option<PathBuf>,
    /// What was proved with it; empty when it is not here.
    pub checks: Vec<Check>,
    /// Requests sent as the user.
    pub requests_as_user: u64,
}
