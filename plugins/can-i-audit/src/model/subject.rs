//! Subjects as people write them, and the groups that the API server adds to each.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::model::policy;

/// The group that may do everything, whatever the roles say (`NewPrivilegedGroups` in
/// `pkg/kubeapiserver/authorizer/reload.go`).
pub const MASTERS: &str = "system:masters";
/// The group of everybody who proved who they are.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of those who did not.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user name of those who did not.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of all service accounts.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// The group of all nodes.
pub const NODES: &str = "system:nodes";

const ACCOUNT_PREFIX: &str = "system:serviceaccount:";
const NODE_PREFIX: &str = "system:node:";

/// Somebody who can be bound or asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// `group:NAME`.
    Group(String),
    /// `sa:NAMESPACE/NAME`.
    Account(String, String),
    /// `user:NAME`.
    User(String),
    /// `node:NAME`.
    Node(String),
    /// `anonymous`.
    Anonymous,
}

/// A [`Subject`] that borrows its names; in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SubjectRef<'a> {
    Group(&'a str),
    Account(&'a str, &'a str),
    User(&'a str),
    Node(&'a str),
    Anonymous,
}

/// A user as the authorizer sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// User name; empty when a group is asked about.
    pub user: String,
    /// Groups.
    pub groups: Vec<String>,
}

impl<'a> SubjectRef<'a> {
    fn of_user(name: &'a str) -> Self {
        if name == ANONYMOUS {
            return Self::Anonymous;
        }
        if let Some((namespace, account)) = name
            .strip_prefix(ACCOUNT_PREFIX)
            .and_then(|rest| rest.split_once(':'))
            && !namespace.is_empty()
            && !account.is_empty()
            && !account.contains([':', '/'])
            && !namespace.contains('/')
        {
            return Self::Account(namespace, account);
        }
        match name.strip_prefix(NODE_PREFIX) {
            Some(node) if !node.is_empty() => Self::Node(node),
            _ => Self::User(name),
        }
    }

    /// As [`Subject::of_binding`].
    pub(crate) fn of_binding(subject: &'a policy::Subject, inside: &'a str) -> Option<Self> {
        match subject.kind.as_str() {
            "User" => Some(Self::of_user(&subject.name)),
            "Group" => Some(Self::Group(&subject.name)),
            "ServiceAccount" => {
                let namespace = if subject.namespace.is_empty() {
                    inside
                } else {
                    &subject.namespace
                };
                (!namespace.is_empty()).then_some(Self::Account(namespace, &subject.name))
            }
            _ => None,
        }
    }

    /// Returns the same with names of its own.
    pub(crate) fn to_subject(self) -> Subject {
        match self {
            Self::Group(name) => Subject::Group(name.to_owned()),
            Self::Account(namespace, name) => {
                Subject::Account(namespace.to_owned(), name.to_owned())
            }
            Self::User(name) => Subject::User(name.to_owned()),
            Self::Node(name) => Subject::Node(name.to_owned()),
            Self::Anonymous => Subject::Anonymous,
        }
    }
}

impl Subject {
    /// Returns the subject behind a user name: service accounts and nodes have names of their own
    /// form, however they are bound.
    #[must_use]
    pub fn of_user(name: &str) -> Self {
        SubjectRef::of_user(name).to_subject()
    }

    /// Returns the subject of a binding, or `None` for one that never matches anybody.
    /// `inside` is the binding's namespace, empty for a ClusterRoleBinding.
    #[must_use]
    pub fn of_binding(subject: &policy::Subject, inside: &str) -> Option<Self> {
        SubjectRef::of_binding(subject, inside).map(SubjectRef::to_subject)
    }

    /// Returns the user name; empty for a group.
    #[must_use]
    pub fn user_name(&self) -> String {
        match self {
            Self::Group(_) => String::new(),
            Self::Account(namespace, name) => account_user(namespace, name),
            Self::User(name) => name.clone(),
            Self::Node(name) => format!("{NODE_PREFIX}{name}"),
            Self::Anonymous => ANONYMOUS.to_owned(),
        }
    }

    /// Returns the groups that come by themselves.
    #[must_use]
    pub fn implicit_groups(&self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match self {
            Self::Account(namespace, _) => vec![
                SERVICE_ACCOUNTS.to_owned(),
                format!("{SERVICE_ACCOUNTS}:{namespace}"),
                AUTHENTICATED.to_owned(),
            ],
            Self::Node(_) => named(&[NODES, AUTHENTICATED]),
            Self::Anonymous => named(&[UNAUTHENTICATED]),
            // Nobody is in this group without being unauthenticated.
            Self::Group(name) if name == UNAUTHENTICATED => Vec::new(),
            Self::User(_) | Self::Group(_) => named(&[AUTHENTICATED]),
        }
    }

    /// Returns what the authorizer sees, with the groups that come by themselves or without.
    #[must_use]
    pub fn principal(&self, groups: &[String], implicit: bool) -> Principal {
        let mut all = match self {
            Self::Group(name) => vec![name.clone()],
            _ => Vec::new(),
        };
        let added = if implicit {
            self.implicit_groups()
        } else {
            Vec::new()
        };
        for group in groups.iter().cloned().chain(added) {
            if !all.contains(&group) {
                all.push(group);
            }
        }
        Principal {
            user: self.user_name(),
            groups: all,
        }
    }
}

/// Returns the user name of a service account.
#[must_use]
pub fn account_user(namespace: &str, name: &str) -> String {
    format!("{ACCOUNT_PREFIX}{namespace}:{name}")
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Account(namespace, name) => write!(f, "sa:{namespace}/{name}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Node(name) => write!(f, "node:{name}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is not a subject; use sa:NAMESPACE/NAME, user:NAME, group:NAME, \
                 node:NAME or anonymous"
            )
        };
        if text == "anonymous" {
            return Ok(Self::Anonymous);
        }
        // As kubectl and the server's messages write them.
        if text.starts_with("system:")
            && let known @ (Self::Account(..) | Self::Node(_) | Self::Anonymous) =
                Self::of_user(text)
        {
            return Ok(known);
        }
        let (kind, name) = text.split_once(':').ok_or_else(bad)?;
        match kind {
            // A user who is only called like a node is in no group of nodes.
            "user" if name.starts_with(NODE_PREFIX) => Ok(Self::User(name.to_owned())),
            "user" => Ok(Self::of_user(name)),
            "group" => Ok(Self::Group(name.to_owned())),
            "node" if !name.is_empty() => Ok(Self::Node(name.to_owned())),
            "sa" | "serviceaccount" => {
                let (namespace, name) = name
                    .split_once('/')
                    .or_else(|| name.split_once(':'))
                    .ok_or_else(bad)?;
                if namespace.is_empty() || name.is_empty() {
                    return Err(bad());
                }
                Ok(Self::Account(namespace.to_owned(), name.to_owned()))
            }
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_principal_gets_the_groups_that_the_server_gives() {
        let groups = |text: &str| {
            text.parse::<Subject>()
                .unwrap()
                .principal(&[], true)
                .groups
                .join(" ")
        };
        assert_eq!(
            groups("sa:a/b"),
            "system:serviceaccounts system:serviceaccounts:a system:authenticated"
        );
        assert_eq!(groups("user:x"), "system:authenticated");
        assert_eq!(groups("anonymous"), "system:unauthenticated");
        assert_eq!(groups("node:n"), "system:nodes system:authenticated");
        assert_eq!(groups("group:g"), "g system:authenticated");
    }

    #[test]
    fn a_user_alias_of_a_service_account_is_that_account() {
        let alias = policy::Subject {
            kind: "User".to_owned(),
            name: "system:serviceaccount:a:b".to_owned(),
            ..policy::Subject::default()
        };
        let plain = policy::Subject {
            kind: "ServiceAccount".to_owned(),
            name: "b".to_owned(),
            ..policy::Subject::default()
        };
        let found = Subject::of_binding(&alias, "");
        assert_eq!(found, Some(Subject::Account("a".into(), "b".into())));
        assert_eq!(found, Subject::of_binding(&plain, "a"));
        assert_eq!(Subject::of_binding(&plain, ""), None);
    }

    #[test]
    fn user_names_of_the_server_itself_are_taken() {
        for (text, subject) in [
            ("system:serviceaccount:shop:robot", "sa:shop/robot"),
            ("system:node:n-1", "node:n-1"),
            ("system:anonymous", "anonymous"),
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), subject);
        }
        assert!("system:kube-scheduler".parse::<Subject>().is_err());
    }

    #[test]
    fn what_is_no_subject_is_refused() {
        for text in ["alice", "sa:alone", "sa:/x", "robot:x", "node:"] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
