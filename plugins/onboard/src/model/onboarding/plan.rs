//! What a run is going to do.

use groundcrew::tenancy::{Network, Profile};
use jiff::Timestamp;

use crate::model::credential_kind::CredentialKind;
use crate::model::generation::Generation;
use crate::model::holder::Holder;
use crate::model::kubeconfig::Held;
use crate::model::onboarding::options::Credential;
use crate::model::settings::Settings;
use crate::model::user::UserName;

/// What a run is going to do; its steps say it one by one.
#[derive(Debug)]
pub struct Plan {
    /// The user's namespace.
    pub namespace: String,
    /// What happens to the namespace itself.
    pub namespace_step: NamespaceStep,
    /// What was asked for, together with what earlier runs were asked for.
    pub settings: Settings,
    /// Limits and quota to apply; `None` leaves those of an earlier run alone.
    pub profile: Option<Profile>,
    /// Network policy to apply.
    pub network: Network,
    /// What happens to the credential.
    pub credential: CredentialStep,
    /// Where the user has a role, their home first.
    pub places: Vec<Place>,
    /// Namespaces where the user loses it.
    pub left: Vec<String>,
    /// Namespaces whose RoleBinding gives another role and has to be replaced: a roleRef cannot be
    /// changed.
    pub replaced: Vec<String>,
    /// Which credential is issued, where one is.
    pub source: Credential,
    /// When older generations lose their rights.
    pub retire_at: Timestamp,
    /// Holders of rights while the run lasts and after it.
    pub holders: Holders,
}

/// A namespace where the user has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The ClusterRole that the user has there.
    pub role: String,
    /// It is the user's own.
    pub own: bool,
}

/// What happens to the namespace itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceStep {
    /// The user has none of their own.
    None,
    /// It is made.
    Create,
    /// It is the user's; labels or annotations change.
    Update,
    /// It is the user's and as it should be.
    Keep,
}

/// What happens to the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialStep {
    /// The user's file at the output path is valid and stays.
    KeepFile(Held),
    /// The user holds one whose file is not here.
    KeepElsewhere(Generation),
    /// A new one is issued.
    Issue {
        /// Its generation.
        generation: u32,
        /// A file at the output path is replaced.
        replace_file: bool,
    },
}

/// Who holds the rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Until the new credential is proved: the user is never without access in between.
    pub during: Vec<Holder>,
    /// In the end.
    pub after: Vec<Holder>,
}

impl Holders {
    /// Returns those during the run when a token takes the place of a certificate.
    #[must_use]
    pub fn with_token(&self, user: &UserName) -> Vec<Holder> {
        let kept = self
            .during
            .iter()
            .filter(|holder| !self.after.contains(holder))
            .cloned();
        let account = Holder::of(user, 0, CredentialKind::Token);
        kept.filter(|holder| *holder != account)
            .chain([account.clone()])
            .collect()
    }
}
