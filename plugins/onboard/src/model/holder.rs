//! Who holds a right: a group of a generation, a service account, a login.

use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::rbac::v1::Subject;

use crate::model::credential_kind::CredentialKind;
use crate::model::generation::Generation;
use crate::model::labels::binding_name;
use crate::model::login::Asserted;
use crate::model::user::UserName;

/// Who the rights are given to: never the user name of a certificate, which would outlive it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The group of one generation of certificates.
    Group(String),
    /// The service account behind a token.
    ServiceAccount(String),
    /// Who a login of somebody else's makes the user.
    Asserted(Asserted),
}

impl Holder {
    /// Returns who holds the rights of one generation.
    #[must_use]
    pub fn of(user: &UserName, generation: u32, kind: CredentialKind) -> Self {
        match kind {
            CredentialKind::Certificate | CredentialKind::Oidc | CredentialKind::Exec => {
                Self::Group(user.generation_group(generation))
            }
            CredentialKind::Token => Self::ServiceAccount(binding_name(user)),
        }
    }

    /// Returns who holds the rights of an issue that is on record.
    #[must_use]
    pub fn of_issue(user: &UserName, issue: &Generation) -> Self {
        match &issue.asserted {
            Some(asserted) => Self::Asserted(asserted.clone()),
            None => Self::of(user, issue.generation, issue.kind),
        }
    }

    /// Returns what people read: `group onboard:alice:g1`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Group(name) => format!("group {name}"),
            Self::ServiceAccount(name) => format!("service account {SYSTEM_NAMESPACE}/{name}"),
            Self::Asserted(asserted) => asserted.to_string(),
        }
    }

    pub fn subject(&self) -> Subject {
        match self {
            Self::Group(name) => Subject {
                api_group: Some("rbac.authorization.k8s.io".to_owned()),
                kind: "Group".to_owned(),
                name: name.clone(),
                namespace: None,
            },
            Self::Asserted(Asserted::Group(name)) => Self::Group(name.clone()).subject(),
            Self::Asserted(Asserted::User(name)) => Subject {
                api_group: Some("rbac.authorization.k8s.io".to_owned()),
                kind: "User".to_owned(),
                name: name.clone(),
                namespace: None,
            },
            Self::ServiceAccount(name) => Subject {
                api_group: None,
                kind: "ServiceAccount".to_owned(),
                name: name.clone(),
                namespace: Some(SYSTEM_NAMESPACE.to_owned()),
            },
        }
    }
}
