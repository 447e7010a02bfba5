//! What is remembered of a user from one run to the next.

use serde::{Deserialize, Serialize};

use crate::model::user::UserName;

/// Reads `NAMESPACE` or `NAMESPACE:CLUSTERROLE`.
///
/// # Errors
///
/// What is wrong with it, for clap.
pub fn membership(text: &str) -> std::result::Result<Membership, String> {
    let (namespace, role) = text.split_once(':').unwrap_or((text, DEFAULT_ROLE));
    if !groundcrew::tenancy::is_label(namespace) {
        return Err(format!("{namespace:?} cannot name a namespace"));
    }
    if role.is_empty() || role.contains(['/', '%']) {
        return Err(format!("{role:?} cannot name a ClusterRole"));
    }
    Ok(Membership {
        namespace: namespace.to_owned(),
        role: role.to_owned(),
    })
}

/// The role of a first run that states none: everything but rights and limits.
pub const DEFAULT_ROLE: &str = "edit";

/// What a run was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Team, as stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Whom to ask, as stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the namespace is for, as stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// ClusterRole bound in the namespace.
    pub role: String,
    /// Profile word.
    pub profile: String,
    /// Network word.
    pub network: String,
    /// She has no namespace of her own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_namespace: bool,
    /// Namespaces of others where she has a role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Membership>,
    /// What she may do in the cluster besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// The file that declares her, by its `metadata.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_by: Option<String>,
}

/// A cluster-wide right beside her roles in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extra {
    /// To claim temporary namespaces: `kubectl ns-claim`.
    Claims,
    /// To ask for her next certificate herself: `kubectl onboard renew --self`.
    Renewal,
}

impl Extra {
    /// Returns the ClusterRole that gives it.
    #[must_use]
    pub fn role(self) -> &'static str {
        match self {
            Self::Claims => "groundcrew:claimer",
            Self::Renewal => "groundcrew:renewer",
        }
    }

    /// Returns the name of her ClusterRoleBinding.
    #[must_use]
    pub fn binding_name(self, user: &UserName) -> String {
        let word = match self {
            Self::Claims => "claims",
            Self::Renewal => "renewal",
        };
        format!("onboard-{}-{word}", user.slug())
    }
}

/// A role in a namespace that is not hers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The namespace.
    pub namespace: String,
    /// The ClusterRole that she has there.
    pub role: String,
}
