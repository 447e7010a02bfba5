//! The entries of a kubeconfig and the lists that they are in.

use serde_json::Value;

/// The three lists of a kubeconfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `clusters`.
    Clusters,
    /// `users`.
    Users,
    /// `contexts`.
    Contexts,
}

impl List {
    /// Every list.
    pub const ALL: [Self; 3] = [Self::Clusters, Self::Contexts, Self::Users];

    /// Returns the key of the list.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Users => "users",
            Self::Contexts => "contexts",
        }
    }

    /// Returns the key of an entry's body.
    #[must_use]
    pub fn entry(self) -> &'static str {
        match self {
            Self::Clusters => "cluster",
            Self::Users => "user",
            Self::Contexts => "context",
        }
    }
}

/// One entry that goes into one file.
#[derive(Clone, Copy, Debug)]
pub struct Put<'a> {
    /// The list.
    pub list: List,
    /// The entry's name.
    pub name: &'a str,
    /// The entry's body.
    pub body: &'a Value,
    /// Everything else in an entry of that name is removed too.
    pub whole: bool,
}
