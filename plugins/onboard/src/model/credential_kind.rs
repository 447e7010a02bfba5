//! The kinds of credentials.

use serde::{Deserialize, Serialize};

/// The kinds of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A client certificate.
    Certificate,
    /// A service account token bound to a Secret.
    Token,
    /// A login with OpenID Connect; the provider says how long it lasts.
    Oidc,
    /// A login with a program; anybody who issues it says how long it lasts.
    Exec,
}

impl CredentialKind {
    /// Returns whether somebody else issues it: nothing of it is here, not even its end.
    #[must_use]
    pub fn is_foreign(self) -> bool {
        matches!(self, Self::Oidc | Self::Exec)
    }

    /// Returns the word that documents use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Oidc => "oidc",
            Self::Exec => "exec",
        }
    }
}
