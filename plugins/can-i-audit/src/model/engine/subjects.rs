//! An index of the subjects of all bindings.

use std::collections::HashMap;

use super::symbols::{Symbol, Symbols};
use crate::model::policy::{Policy, Subject};
use crate::model::subject::{self, Principal};

/// The user or group that a subject of a binding matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Who {
    User(Symbol),
    Group(Symbol),
}

/// A subject's place in the bindings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) binding: u32,
    pub(super) subject: u32,
}

/// Every binding, by its subjects.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    symbols: Symbols,
    cluster: HashMap<Who, Vec<Entry>>,
    spaces: HashMap<Symbol, HashMap<Who, Vec<Entry>>>,
}

impl Subjects {
    /// Collects the subjects of all bindings, which are numbered ClusterRoleBindings first.
    pub(super) fn of(policy: &Policy) -> Self {
        let mut all = Self::default();
        let cluster = policy.cluster_role_bindings.iter().map(|one| (one, ""));
        let spaced = policy.role_bindings.iter();
        let spaced = spaced.map(|one| (one, one.metadata.namespace.as_str()));
        let first = policy.cluster_role_bindings.len();
        for (index, (binding, inside)) in cluster.chain(spaced).enumerate() {
            let space = if index < first {
                &mut all.cluster
            } else {
                let namespace = all.symbols.intern(inside);
                all.spaces.entry(namespace).or_default()
            };
            for (at, subject) in binding.subjects.iter().enumerate() {
                let Some((is_group, name)) = who_matches(subject, inside) else {
                    continue;
                };
                let symbol = all.symbols.intern(&name);
                let who = if is_group {
                    Who::Group(symbol)
                } else {
                    Who::User(symbol)
                };
                space.entry(who).or_default().push(Entry {
                    binding: u32::try_from(index).unwrap_or(u32::MAX),
                    subject: u32::try_from(at).unwrap_or(u32::MAX),
                });
            }
        }
        all
    }

    /// Returns the names of a principal that any binding has.
    pub(super) fn whos(&self, principal: &Principal) -> Vec<Who> {
        let user = self.symbols.get(&principal.user).map(Who::User);
        let groups = principal
            .groups
            .iter()
            .filter_map(|group| self.symbols.get(group).map(Who::Group));
        user.into_iter().chain(groups).collect()
    }

    /// Returns what is bound cluster-wide, and in a namespace if there is one.
    pub(super) fn within(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = &HashMap<Who, Vec<Entry>>> + Clone {
        let space = if namespace.is_empty() {
            None
        } else {
            let namespace = self.symbols.get(namespace);
            namespace.and_then(|namespace| self.spaces.get(&namespace))
        };
        std::iter::once(&self.cluster).chain(space)
    }

    /// Returns what is bound cluster-wide and in each namespace.
    pub(super) fn everywhere(&self) -> impl Iterator<Item = &HashMap<Who, Vec<Entry>>> {
        std::iter::once(&self.cluster).chain(self.spaces.values())
    }
}

/// Returns the user name or group that a subject of a binding matches.
fn who_matches(subject: &Subject, inside: &str) -> Option<(bool, String)> {
    match subject.kind.as_str() {
        "User" => Some((false, subject.name.clone())),
        "Group" => Some((true, subject.name.clone())),
        "ServiceAccount" => {
            let namespace = if subject.namespace.is_empty() {
                inside
            } else {
                &subject.namespace
            };
            (!namespace.is_empty())
                .then(|| (false, subject::account_user(namespace, &subject.name)))
        }
        _ => None,
    }
}
