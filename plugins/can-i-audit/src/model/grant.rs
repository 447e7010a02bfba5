//! Chains in words and in documents.

use crate::model::engine::{Chain, World};
use crate::model::policy::Subject;
use serde::Serialize;

/// One chain as documents show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant<'a> {
    binding: ObjectRef<'a>,
    role: RoleName<'a>,
    /// Index of the rule, from 0.
    rule: usize,
    subject: &'a Subject,
    /// The ClusterRole that an aggregated one has the rule from.
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregated_from: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ObjectRef<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct RoleName<'a> {
    kind: &'a str,
    name: &'a str,
}

/// Returns the document of a chain.
#[must_use]
pub fn grant<'a>(world: &'a World<'_>, chain: Chain) -> Grant<'a> {
    let binding = world.binding(chain.binding);
    Grant {
        binding: ObjectRef {
            kind: binding_kind(world, chain.binding),
            namespace: &binding.metadata.namespace,
            name: &binding.metadata.name,
        },
        role: RoleName {
            kind: &binding.role_ref.kind,
            name: &binding.role_ref.name,
        },
        rule: chain.rule,
        subject: &binding.subjects[chain.subject],
        aggregated_from: world.origin(chain),
    }
}

fn binding_kind(world: &World<'_>, binding: usize) -> &'static str {
    if world.is_cluster_wide(binding) {
        "ClusterRoleBinding"
    } else {
        "RoleBinding"
    }
}

/// Returns `RoleBinding/payments/api`.
#[must_use]
pub fn binding(world: &World<'_>, index: usize) -> String {
    let meta = &world.binding(index).metadata;
    let kind = binding_kind(world, index);
    if meta.namespace.is_empty() {
        format!("{kind}/{}", meta.name)
    } else {
        format!("{kind}/{}/{}", meta.namespace, meta.name)
    }
}

/// Returns `Role/payments/api` or `ClusterRole/edit`.
#[must_use]
pub fn role(world: &World<'_>, index: usize) -> String {
    let binding = world.binding(index);
    let reference = &binding.role_ref;
    if reference.kind == "Role" {
        format!("Role/{}/{}", binding.metadata.namespace, reference.name)
    } else {
        format!("{}/{}", reference.kind, reference.name)
    }
}

/// Returns `RoleBinding/payments/api → Role/payments/api, rule 2 (aggregated from x)`; rules are
/// counted from 1 for people.
#[must_use]
pub fn words(world: &World<'_>, chain: Chain) -> String {
    let binding = binding(world, chain.binding);
    format!("{binding} → {}", rule_words(world, chain))
}

/// Returns `Role/payments/api, rule 2 (aggregated from x)`.
#[must_use]
pub fn rule_words(world: &World<'_>, chain: Chain) -> String {
    let mut words = format!("{}, rule {}", role(world, chain.binding), chain.rule + 1);
    if let Some(from) = world.origin(chain) {
        words.push_str(&format!(" (aggregated from {from})"));
    }
    words
}
