//! From a policy to its indexes.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::rules::{Compiled, RuleSet, SetId};
use super::symbols::Symbols;
use super::world::{Bound, RoleAt, World};
use crate::model::policy::{Policy, Role, Rule};

impl<'a> World<'a> {
    /// Compiles a policy, which should be sorted.
    #[must_use]
    pub fn new(policy: &'a Policy) -> Self {
        let mut builder = Builder::default();
        // Requests without a name have the empty one, which a rule can list.
        builder.symbols.intern("");
        let none = builder.set(&[]);
        let cluster_role_sets: Vec<SetId> = sets(&mut builder, &policy.cluster_roles);
        let role_sets: Vec<SetId> = sets(&mut builder, &policy.roles);
        let cluster_roles: HashMap<&str, usize> = policy
            .cluster_roles
            .iter()
            .enumerate()
            .map(|(index, role)| (role.metadata.name.as_str(), index))
            .collect();
        let roles: HashMap<(&str, &str), usize> = policy
            .roles
            .iter()
            .enumerate()
            .map(|(index, role)| {
                let meta = &role.metadata;
                ((meta.namespace.as_str(), meta.name.as_str()), index)
            })
            .collect();

        let mut world = Self {
            policy,
            symbols: Symbols::default(),
            sets: Vec::new(),
            cluster_role_sets,
            role_sets,
            bindings: Vec::with_capacity(
                policy.cluster_role_bindings.len() + policy.role_bindings.len(),
            ),
            first_role_binding: policy.cluster_role_bindings.len(),
            subjects: OnceLock::new(),
            origins: policy
                .cluster_roles
                .iter()
                .map(|_| OnceLock::new())
                .collect(),
        };
        let both = policy
            .cluster_role_bindings
            .iter()
            .chain(&policy.role_bindings);
        for binding in both {
            let inside = &binding.metadata.namespace;
            let reference = &binding.role_ref;
            let name = reference.name.as_str();
            let (role, set) = match reference.kind.as_str() {
                "ClusterRole" => cluster_roles.get(name).map(|&at| {
                    let place = RoleAt::Cluster(u32::try_from(at).unwrap_or(u32::MAX));
                    (place, world.cluster_role_sets[at])
                }),
                // A Role is looked up in the binding's namespace; a ClusterRoleBinding has none.
                "Role" => roles.get(&(inside.as_str(), name)).map(|&at| {
                    let place = RoleAt::Namespaced(u32::try_from(at).unwrap_or(u32::MAX));
                    (place, world.role_sets[at])
                }),
                _ => None,
            }
            .unwrap_or((RoleAt::Missing, none));
            world.bindings.push(Bound { role, set });
        }
        world.symbols = builder.symbols;
        world.sets = builder.sets;
        world
    }
}

fn sets<'r>(builder: &mut Builder<'r>, roles: &'r [Role]) -> Vec<SetId> {
    roles.iter().map(|role| builder.set(&role.rules)).collect()
}

/// Makes equal lists of rules one.
#[derive(Default)]
struct Builder<'r> {
    symbols: Symbols,
    sets: Vec<RuleSet<'r>>,
    known: HashMap<&'r [Rule], SetId>,
}

impl<'r> Builder<'r> {
    fn set(&mut self, rules: &'r [Rule]) -> SetId {
        if let Some(id) = self.known.get(rules) {
            return *id;
        }
        let id = SetId::new(self.sets.len());
        let compiled = rules
            .iter()
            .map(|rule| Compiled::new(rule, &mut self.symbols))
            .collect();
        self.sets.push(RuleSet { compiled, rules });
        self.known.insert(rules, id);
        id
    }
}
