//! A policy with its indexes.

use std::sync::OnceLock;

use super::chain::Chain;
use super::rules::{RuleSet, SetId};
use super::subjects::Subjects;
use super::symbols::Symbols;
use crate::model::aggregate;
use crate::model::policy::Policy;

/// A policy with its indexes. It borrows the policy, whose objects the answers name.
#[derive(Debug)]
pub struct World<'a> {
    /// The compiled policy.
    pub policy: &'a Policy,
    pub(super) symbols: Symbols,
    /// Distinct lists of rules.
    pub(super) sets: Vec<RuleSet<'a>>,
    /// The list of rules of each ClusterRole and of each Role.
    pub(super) cluster_role_sets: Vec<SetId>,
    pub(super) role_sets: Vec<SetId>,
    /// ClusterRoleBindings, then RoleBindings, each in the policy's order.
    pub(super) bindings: Vec<Bound>,
    /// Index of the first RoleBinding.
    pub(super) first_role_binding: usize,
    /// Filled at the first question about a subject.
    pub(super) subjects: OnceLock<Subjects>,
    /// For each ClusterRole, which part each rule was collected from; found when first asked for.
    pub(super) origins: Vec<OnceLock<Vec<Option<String>>>>,
}

/// A binding with its role looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) role: RoleAt,
    pub(super) set: SetId,
}

/// The place of the role of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleAt {
    /// Index among the policy's ClusterRoles.
    Cluster(u32),
    /// Index among the policy's Roles.
    Namespaced(u32),
    /// It does not exist, or was not read.
    Missing,
}

impl World<'_> {
    /// Returns who is bound where.
    pub(super) fn subjects(&self) -> &Subjects {
        self.subjects.get_or_init(|| Subjects::of(self.policy))
    }

    /// Returns how many different lists of rules there are.
    #[must_use]
    pub fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// Returns a distinct list of rules.
    #[must_use]
    pub fn set(&self, id: SetId) -> &RuleSet<'_> {
        &self.sets[id.index()]
    }

    /// Returns the rules of the distinct list with that number.
    #[must_use]
    pub fn rules_of(&self, index: usize) -> &[crate::model::policy::Rule] {
        self.sets[index].rules
    }

    /// Returns how many bindings there are.
    #[must_use]
    pub fn binding_count(&self) -> usize {
        self.bindings.len()
    }

    /// Returns a binding by its number: ClusterRoleBindings first.
    #[must_use]
    pub fn binding(&self, index: usize) -> &crate::model::policy::Binding {
        match index.checked_sub(self.first_role_binding) {
            None => &self.policy.cluster_role_bindings[index],
            Some(index) => &self.policy.role_bindings[index],
        }
    }

    /// Says whether a binding is a ClusterRoleBinding.
    #[must_use]
    pub fn is_cluster_wide(&self, index: usize) -> bool {
        index < self.first_role_binding
    }

    /// Returns the rules that a binding gives; a missing role gives none.
    #[must_use]
    pub fn set_of(&self, index: usize) -> SetId {
        self.bindings[index].set
    }

    /// Returns where the role of a binding is.
    #[must_use]
    pub fn role_at(&self, index: usize) -> RoleAt {
        self.bindings[index].role
    }

    /// Returns the rules of a role, also when nothing binds it.
    #[must_use]
    pub fn set_at(&self, role: RoleAt) -> Option<SetId> {
        match role {
            RoleAt::Cluster(at) => self.cluster_role_sets.get(at as usize).copied(),
            RoleAt::Namespaced(at) => self.role_sets.get(at as usize).copied(),
            RoleAt::Missing => None,
        }
    }

    /// Returns the role of a binding.
    #[must_use]
    pub fn role(&self, index: usize) -> Option<&crate::model::policy::Role> {
        match self.bindings[index].role {
            RoleAt::Cluster(at) => Some(&self.policy.cluster_roles[at as usize]),
            RoleAt::Namespaced(at) => Some(&self.policy.roles[at as usize]),
            RoleAt::Missing => None,
        }
    }

    /// Returns the ClusterRole that an aggregated one has a rule from.
    #[must_use]
    pub fn origin(&self, chain: Chain) -> Option<&str> {
        let RoleAt::Cluster(at) = self.bindings[chain.binding].role else {
            return None;
        };
        let roles = &self.policy.cluster_roles;
        let role = &roles[at as usize];
        role.aggregation_rule.as_ref()?;
        let origins = self.origins[at as usize].get_or_init(|| {
            let origin = |rule| aggregate::origin(role, rule, roles).map(str::to_owned);
            role.rules.iter().map(origin).collect()
        });
        origins.get(chain.rule)?.as_deref()
    }

    /// Returns the namespace of a binding; empty when it is cluster-wide.
    #[must_use]
    pub fn scope_of(&self, index: usize) -> &str {
        &self.binding(index).metadata.namespace
    }

    /// Returns the namespace in which the service accounts of a binding are looked for when they
    /// name none; empty when there is none.
    pub(crate) fn inside(&self, index: usize) -> &str {
        if self.is_cluster_wide(index) {
            ""
        } else {
            self.scope_of(index)
        }
    }
}
