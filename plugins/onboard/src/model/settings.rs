//! What is remembered of a user from one run to the next.

use groundcrew::tenancy::{Network, Profile, Size};
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
        return Err(format!("{namespace:?} is not a valid namespace name"));
    }
    if role.is_empty() || role.contains(['/', '%']) {
        return Err(format!("{role:?} is not a valid ClusterRole name"));
    }
    Ok(Membership {
        namespace: namespace.to_owned(),
        role: role.to_owned(),
    })
}

/// The role of a first run that gives none: everything but rights and limits.
pub const DEFAULT_ROLE: &str = "edit";

/// What a run was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Team, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// Who to ask, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// What the namespace is for, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// ClusterRole bound in the namespace.
    pub role: String,
    /// Which limits and quota.
    pub profile: ProfileName,
    /// Which traffic is allowed.
    #[serde(with = "network")]
    pub network: Network,
    /// The user has no namespace of their own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_namespace: bool,
    /// Namespaces of others where the user has a role.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memberships: Vec<Membership>,
    /// What the user may do in the cluster as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// The file that declares the user, by its `metadata.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_by: Option<String>,
}

impl Default for Settings {
    /// The settings of a user when nothing is given.
    fn default() -> Self {
        Self {
            team: None,
            contact: None,
            purpose: None,
            role: DEFAULT_ROLE.to_owned(),
            profile: ProfileName::Small,
            network: Network::default(),
            no_namespace: false,
            memberships: Vec::new(),
            extras: Vec::new(),
            declared_by: None,
        }
    }
}

/// Which limits and quota a namespace has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProfileName {
    /// A small share.
    Small,
    /// A medium share.
    Medium,
    /// A large share.
    Large,
    /// No limits and no quota.
    None,
    /// Those of a file, which an earlier run has read: they stand in the cluster.
    File,
}

impl ProfileName {
    /// Returns the name of a profile.
    #[must_use]
    pub fn of(profile: &Profile) -> Self {
        match profile {
            Profile::Size(Size::Small) => Self::Small,
            Profile::Size(Size::Medium) => Self::Medium,
            Profile::Size(Size::Large) => Self::Large,
            Profile::None => Self::None,
            Profile::File(_) => Self::File,
        }
    }

    /// Returns the profile of this name; that of a file is not kept.
    #[must_use]
    pub fn built_in(self) -> Option<Profile> {
        match self {
            Self::Small => Some(Profile::Size(Size::Small)),
            Self::Medium => Some(Profile::Size(Size::Medium)),
            Self::Large => Some(Profile::Size(Size::Large)),
            Self::None => Some(Profile::None),
            Self::File => None,
        }
    }
}

/// How the word for allowed traffic is kept.
mod network {
    use clap::ValueEnum as _;
    use groundcrew::tenancy::Network;
    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        network: &Network,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(network.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Network, D::Error> {
        let word = String::deserialize(deserializer)?;
        let all = Network::value_variants().iter();
        let mut found = all.filter(|network| network.name() == word);
        found
            .next()
            .copied()
            .ok_or_else(|| de::Error::custom(format!("network {word:?} is not known")))
    }
}

/// A cluster-wide right beside the user's roles in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extra {
    /// To claim temporary namespaces: `kubectl ns-claim`.
    Claims,
    /// To ask for the user's next certificate themselves: `kubectl onboard renew --self`.
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

    /// Returns the name of the user's ClusterRoleBinding.
    #[must_use]
    pub fn binding_name(self, user: &UserName) -> String {
        let word = match self {
            Self::Claims => "claims",
            Self::Renewal => "renewal",
        };
        format!("onboard-{}-{word}", user.slug())
    }
}

/// A role in a namespace that is not the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The namespace.
    pub namespace: String,
    /// The ClusterRole that the user has there.
    pub role: String,
}
