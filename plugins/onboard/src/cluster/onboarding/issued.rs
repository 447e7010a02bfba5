//! A credential that was just issued.

use jiff::Timestamp;

use crate::model::credential_kind::CredentialKind;
use crate::model::kubeconfig::Secret;

/// A credential that was just issued.
pub struct Fresh {
    pub(super) kind: CredentialKind,
    pub(super) groups: Vec<String>,
    /// From when on it is valid, where it says so.
    pub(super) not_before: Option<Timestamp>,
    pub(super) not_after: Timestamp,
    pub(super) sha256: Option<String>,
    pub(super) secret: Product,
}

/// What the user gets.
pub enum Product {
    /// A kubeconfig with everything in it.
    Kubeconfig(Secret),
    /// The certificate alone, PEM: the user has the key.
    Handover(Vec<u8>),
}
