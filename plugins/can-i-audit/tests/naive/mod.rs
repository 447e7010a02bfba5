//! The specification, read aloud: no index, no numbers, every object looked at for each question.

use std::collections::BTreeSet;

use can_i_audit::model::policy::{Binding, Policy, Rule, Subject};
use can_i_audit::model::question::{Question, Target};

pub fn allows(policy: &Policy, question: &Question) -> bool {
    let groups = &question.principal.groups;
    groups.contains(&"system:masters".to_owned()) || !chains(policy, question).is_empty()
}

/// Binding (ClusterRoleBindings first), subject, rule.
pub fn chains(policy: &Policy, question: &Question) -> BTreeSet<(usize, usize, usize)> {
    let namespace = match &question.action.target {
        Target::Resource(resource) => resource.namespace.as_str(),
        Target::Path(_) => "",
    };
    let mut found = BTreeSet::new();
    for (index, binding) in policy.cluster_role_bindings.iter().enumerate() {
        visit(policy, question, index, binding, "", &mut found);
    }
    let before = policy.cluster_role_bindings.len();
    for (index, binding) in policy.role_bindings.iter().enumerate() {
        if !namespace.is_empty() && binding.metadata.namespace == namespace {
            visit(
                policy,
                question,
                before + index,
                binding,
                namespace,
                &mut found,
            );
        }
    }
    found
}

fn visit(
    policy: &Policy,
    question: &Question,
    index: usize,
    binding: &Binding,
    namespace: &str,
    found: &mut BTreeSet<(usize, usize, usize)>,
) {
    let matching = |subject: &Subject| match subject.kind.as_str() {
        "User" => subject.name == question.principal.user,
        "Group" => question.principal.groups.contains(&subject.name),
        "ServiceAccount" => {
            let inside = if subject.namespace.is_empty() {
                namespace
            } else {
                &subject.namespace
            };
            !inside.is_empty()
                && question.principal.user
                    == format!("system:serviceaccount:{inside}:{}", subject.name)
        }
        _ => false,
    };
    let Some(subject) = binding.subjects.iter().position(matching) else {
        return;
    };
    let role = match binding.role_ref.kind.as_str() {
        "ClusterRole" => policy
            .cluster_roles
            .iter()
            .find(|role| role.metadata.name == binding.role_ref.name),
        "Role" => policy.roles.iter().find(|role| {
            role.metadata.name == binding.role_ref.name && role.metadata.namespace == namespace
        }),
        _ => None,
    };
    for (number, rule) in role.iter().flat_map(|role| &role.rules).enumerate() {
        if rule_allows(rule, question) {
            found.insert((index, subject, number));
        }
    }
}

fn rule_allows(rule: &Rule, question: &Question) -> bool {
    let has = |list: &[String], word: &str| list.iter().any(|one| one == word);
    let action = &question.action;
    if !has(&rule.verbs, "*") && !has(&rule.verbs, &action.verb) {
        return false;
    }
    match &action.target {
        Target::Path(path) => rule.non_resource_urls.iter().any(|url| {
            let mut stem = url.as_str();
            while let Some(shorter) = stem.strip_suffix('*') {
                stem = shorter;
            }
            url == "*" || url == path || (stem != url && path.starts_with(stem))
        }),
        Target::Resource(asked) => {
            let combined = match asked.subresource.as_str() {
                "" => asked.resource.clone(),
                sub => format!("{}/{sub}", asked.resource),
            };
            let resource = rule.resources.iter().any(|entry| {
                let starred = !asked.subresource.is_empty()
                    && entry.len() == asked.subresource.len() + 2
                    && entry.starts_with("*/")
                    && entry.ends_with(&asked.subresource);
                entry == "*" || *entry == combined || starred
            });
            let group = has(&rule.api_groups, "*") || has(&rule.api_groups, &asked.group);
            let name = rule.resource_names.is_empty() || has(&rule.resource_names, &asked.name);
            resource && group && name
        }
    }
}
