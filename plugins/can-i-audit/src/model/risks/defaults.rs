//! Kubernetes' own policy, recognized by what it holds.
//!
//! The file is what API servers 1.24, 1.36 and 1.37 make of an empty cluster
//! (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy`). A role is theirs when it has the name and
//! allows nothing beyond it; a binding when it has the name, the role and no further subject.

use std::collections::HashMap;

use crate::model::policy::{Binding, Meta, Policy, Role, Rule};

const FILE: &str = include_str!("defaults.json");

/// The default policy.
#[derive(Debug)]
pub struct Defaults {
    policy: Policy,
    roles: ByName,
    bindings: ByName,
}

/// From a name to its namespaces, each with the number of its object.
type ByName = HashMap<String, Vec<(String, usize)>>;

impl Default for Defaults {
    fn default() -> Self {
        Self::new()
    }
}

impl Defaults {
    /// Reads it.
    #[must_use]
    pub fn new() -> Self {
        // The file is part of the program, and a test reads it.
        let policy: Policy = serde_json::from_str(FILE).unwrap_or_default();
        let roles = by_name(all_roles(&policy).map(|role| &role.metadata));
        let bindings = by_name(all_bindings(&policy).map(|one| &one.metadata));
        Self {
            policy,
            roles,
            bindings,
        }
    }

    /// Returns the default ClusterRoles, for manifests that refer to them.
    #[must_use]
    pub fn cluster_roles(&self) -> &[Role] {
        &self.policy.cluster_roles
    }

    /// Says whether a role is Kubernetes' own, and unchanged.
    #[must_use]
    pub fn is_role(&self, role: &Role) -> bool {
        let known = number(&self.roles, &role.metadata)
            .and_then(|index| all_roles(&self.policy).nth(index));
        known.is_some_and(|known| role.rules.iter().all(|rule| covered(rule, &known.rules)))
    }

    /// Says whether a binding is Kubernetes' own, and unchanged.
    #[must_use]
    pub fn is_binding(&self, binding: &Binding) -> bool {
        let known = number(&self.bindings, &binding.metadata)
            .and_then(|index| all_bindings(&self.policy).nth(index));
        known.is_some_and(|known| {
            known.role_ref == binding.role_ref
                && binding
                    .subjects
                    .iter()
                    .all(|subject| known.subjects.contains(subject))
        })
    }
}

fn by_name<'m>(metas: impl Iterator<Item = &'m Meta>) -> ByName {
    let mut known = ByName::new();
    for (index, meta) in metas.enumerate() {
        let spaces = known.entry(meta.name.clone()).or_default();
        spaces.push((meta.namespace.clone(), index));
    }
    known
}

fn number(known: &ByName, meta: &Meta) -> Option<usize> {
    let mut spaces = known.get(meta.name.as_str())?.iter();
    spaces
        .find(|(namespace, _)| *namespace == meta.namespace)
        .map(|(_, index)| *index)
}

fn all_roles(policy: &Policy) -> impl Iterator<Item = &Role> {
    policy.cluster_roles.iter().chain(&policy.roles)
}

fn all_bindings(policy: &Policy) -> impl Iterator<Item = &Binding> {
    policy
        .cluster_role_bindings
        .iter()
        .chain(&policy.role_bindings)
}

/// Says whether rules allow all that one rule allows, word by word.
fn covered(rule: &Rule, by: &[Rule]) -> bool {
    if by.contains(rule) {
        return true;
    }
    let has =
        |list: &[String], word: &String| list.contains(word) || list.iter().any(|one| one == "*");
    let named = |known: &Rule, name: Option<&String>| {
        known.resource_names.is_empty()
            || name.is_some_and(|name| known.resource_names.contains(name))
    };
    let names: Vec<Option<&String>> = if rule.resource_names.is_empty() {
        vec![None]
    } else {
        rule.resource_names.iter().map(Some).collect()
    };
    rule.verbs.iter().all(|verb| {
        let paths = rule.non_resource_urls.iter().all(|url| {
            by.iter()
                .any(|known| has(&known.verbs, verb) && has(&known.non_resource_urls, url))
        });
        let resources = rule.api_groups.iter().all(|group| {
            rule.resources.iter().all(|resource| {
                names.iter().all(|name| {
                    by.iter().any(|known| {
                        has(&known.verbs, verb)
                            && has(&known.api_groups, group)
                            && has(&known.resources, resource)
                            && named(known, *name)
                    })
                })
            })
        });
        paths && resources
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_in_the_program_can_be_read() {
        let defaults = Defaults::new();
        assert!(defaults.cluster_roles().len() > 60);
        assert!(defaults.policy.cluster_role_bindings.len() > 40);
    }

    #[test]
    fn a_default_role_with_one_more_right_is_no_default() {
        let defaults = Defaults::new();
        let user = defaults
            .cluster_roles()
            .iter()
            .find(|role| role.metadata.name == "system:basic-user");
        let mut role = user.unwrap().clone();
        assert!(defaults.is_role(&role));
        role.rules[0].resources.push("secrets".to_owned());
        assert!(!defaults.is_role(&role));
    }

    #[test]
    fn a_default_binding_with_one_more_subject_is_no_default() {
        let defaults = Defaults::new();
        let mut binding = defaults.policy.cluster_role_bindings[0].clone();
        assert!(defaults.is_binding(&binding));
        binding.subjects.push(crate::model::policy::Subject {
            kind: "User".to_owned(),
            name: "mallory".to_owned(),
            ..crate::model::policy::Subject::default()
        });
        assert!(!defaults.is_binding(&binding));
    }
}
