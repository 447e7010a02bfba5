//! Lists that could not be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The list.
    pub resource: Read,
    /// The only namespace that was read all the same; `None` when nothing was, or when the list
    /// ended early.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub except_namespace: Option<String>,
    /// Why, in the server's words.
    pub why: String,
}

/// Something that is read of a cluster; documents name it as `kubectl get` would.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Read {
    /// `clusterrolebindings`.
    ClusterRoleBindings,
    /// `clusterroles`.
    ClusterRoles,
    /// `rolebindings`.
    RoleBindings,
    /// `roles`.
    Roles,
    /// `serviceaccounts`.
    ServiceAccounts,
    /// A document of a file, which may hold anything.
    Manifest(String),
    /// Anything that no answer of "no" depends on, such as `namespaces`.
    Other(String),
}

/// What a document of a file is called.
const MANIFEST: &str = "manifest ";

impl Read {
    /// Says whether it takes part in every answer of "no" somewhere.
    #[must_use]
    pub fn is_rbac(&self) -> bool {
        !matches!(self, Self::ServiceAccounts | Self::Other(_))
    }
}

impl From<String> for Read {
    fn from(plural: String) -> Self {
        match plural.as_str() {
            "clusterrolebindings" => Self::ClusterRoleBindings,
            "clusterroles" => Self::ClusterRoles,
            "rolebindings" => Self::RoleBindings,
            "roles" => Self::Roles,
            "serviceaccounts" => Self::ServiceAccounts,
            other => match other.strip_prefix(MANIFEST) {
                Some(place) => Self::Manifest(place.to_owned()),
                None => Self::Other(plural),
            },
        }
    }
}

impl From<Read> for String {
    fn from(read: Read) -> Self {
        read.to_string()
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClusterRoleBindings => "clusterrolebindings",
            Self::ClusterRoles => "clusterroles",
            Self::RoleBindings => "rolebindings",
            Self::Roles => "roles",
            Self::ServiceAccounts => "serviceaccounts",
            Self::Manifest(place) => return write!(f, "{MANIFEST}{place}"),
            Self::Other(name) => name,
        })
    }
}

impl Gap {
    /// Returns what could not be read.
    #[must_use]
    pub fn what(&self) -> String {
        match &self.except_namespace {
            Some(namespace) => format!("{} outside namespace {namespace}", self.resource),
            None => self.resource.to_string(),
        }
    }

    /// Says whether an answer of "no" could be wrong because of this, for a question in a
    /// namespace or (empty) about the whole cluster.
    #[must_use]
    pub fn matters_in(&self, namespace: &str) -> bool {
        match self.resource {
            Read::ClusterRoles | Read::ClusterRoleBindings | Read::Manifest(_) => true,
            Read::Roles | Read::RoleBindings => {
                !namespace.is_empty() && self.except_namespace.as_deref() != Some(namespace)
            }
            Read::ServiceAccounts | Read::Other(_) => false,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what(), self.why)
    }
}
