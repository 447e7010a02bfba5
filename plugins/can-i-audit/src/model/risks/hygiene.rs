//! Objects that do not do what they seem to do.

use std::collections::{BTreeSet, HashSet};

use super::dead::{self, object};
use super::defaults::Defaults;
use super::finding::Finding;
use super::subject_index::SubjectIndex;
use crate::model::aggregate;
use crate::model::engine::{Chain, RoleAt, World};
use crate::model::gap::Read;
use crate::model::policy::{Policy, Role, Rule};
use crate::model::subject::{Subject, SubjectRef};
use groundcrew::plural::count;

/// Finds everything.
pub(super) fn findings(
    world: &World<'_>,
    defaults: &Defaults,
    subjects: &SubjectIndex<'_>,
    include_defaults: bool,
) -> Vec<Finding> {
    let mut found = Vec::new();
    bindings(world, defaults, subjects, include_defaults, &mut found);
    roles(world, defaults, include_defaults, &mut found);
    redundant(world, subjects, &mut found);
    found
}

/// A finding about an object is about one of its subjects.
fn about(subject: Subject, binding: usize, at: usize, finding: Finding) -> Finding {
    Finding {
        subject: Some(subject),
        chains: vec![Chain {
            binding,
            subject: at,
            rule: 0,
        }],
        ..finding
    }
}

fn bindings(
    world: &World<'_>,
    defaults: &Defaults,
    subjects: &SubjectIndex<'_>,
    all: bool,
    found: &mut Vec<Finding>,
) {
    let policy = world.policy;
    let accounts: HashSet<(&str, &str)> = policy
        .service_accounts
        .iter()
        .map(|one| (one.metadata.namespace.as_str(), one.metadata.name.as_str()))
        .collect();
    // Manifests seldom hold every account; then nothing is claimed.
    let know_accounts = policy.from_cluster && policy.has_read(&Read::ServiceAccounts);
    let useless = useless(world);
    for index in 0..world.binding_count() {
        let binding = world.binding(index);
        if !all && defaults.is_binding(binding) {
            continue;
        }
        let name = || name_of(world, index);
        let reference = &binding.role_ref;
        let roles = if reference.kind == "Role" {
            Read::Roles
        } else {
            Read::ClusterRoles
        };
        if world.role_at(index) == RoleAt::Missing && policy.has_read(&roles) {
            found.push(object(
                "HYG-01",
                name(),
                format!("{} {:?} does not exist", reference.kind, reference.name),
                format!("delete {}", name()),
            ));
        }
        if binding.subjects.is_empty() {
            found.push(object(
                "HYG-03",
                name(),
                "it has no subjects".to_owned(),
                format!("delete {}", name()),
            ));
        }
        let named = binding.subjects.iter().zip(subjects.of(index));
        for (at, (stored, number)) in named.enumerate() {
            // `ValidateRoleBindingSubject` of pkg/apis/rbac/validation. In a RoleBinding such a
            // subject is an account of its namespace.
            let homeless = stored.kind == "ServiceAccount" && stored.namespace.is_empty();
            if homeless && world.is_cluster_wide(index) {
                let (name, account) = (name(), &stored.name);
                let detail = format!("service account {account:?} has no namespace");
                let fix = format!("add the namespace of subject {account:?} to {name}");
                found.push(object("HYG-20", name, detail, fix));
            }
            let Some(subject) = number.map(|number| subjects.name(number)) else {
                continue;
            };
            let missing = match subject {
                SubjectRef::Account(namespace, account) => {
                    know_accounts && !accounts.contains(&(namespace, account))
                }
                _ => false,
            };
            if missing {
                let (name, subject) = (name(), subject.to_subject());
                let detail = format!("{subject} does not exist");
                let fix = format!("remove {subject} from {name}");
                let finding = object("HYG-02", name, detail, fix);
                found.push(about(subject, index, at, finding));
            }
            let alias = matches!(subject, SubjectRef::Account(..) | SubjectRef::Node(_));
            if stored.kind == "User" && alias {
                let name = name();
                let detail = format!("{:?} is bound as a User", stored.name);
                let fix = format!("bind it in {name} with the kind that it has");
                let finding = object("HYG-10", name, detail, fix);
                found.push(about(subject.to_subject(), index, at, finding));
            }
        }
        if !world.is_cluster_wide(index) && useless[world.set_of(index).index()] {
            ineffective(world, index, name(), found);
        }
    }
}

fn name_of(world: &World<'_>, index: usize) -> String {
    let meta = &world.binding(index).metadata;
    if world.is_cluster_wide(index) {
        format!("ClusterRoleBinding/{}", meta.name)
    } else {
        format!("RoleBinding/{}/{}", meta.namespace, meta.name)
    }
}

/// Which distinct lists of rules hold nothing that a RoleBinding can give. A shared ClusterRole
/// may hold more than one binding of it uses.
fn useless(world: &World<'_>) -> Vec<bool> {
    let catalog = &world.policy.catalog;
    let of_cluster = |rule: &Rule| {
        if rule.resources.is_empty() {
            return !rule.non_resource_urls.is_empty();
        }
        rule.resources.iter().all(|entry| {
            let resource = entry.split('/').next().unwrap_or_default();
            // A RoleBinding reaches the Namespace that it is in.
            resource != "namespaces"
                && rule
                    .api_groups
                    .iter()
                    .all(|group| catalog.is_namespaced(group, resource) == Some(false))
        }) && !rule.api_groups.is_empty()
    };
    let all = |set| {
        let rules = world.rules_of(set);
        !rules.is_empty() && rules.iter().all(of_cluster)
    };
    (0..world.set_count()).map(all).collect()
}

fn ineffective(world: &World<'_>, index: usize, name: String, found: &mut Vec<Finding>) {
    let rules = world.rules_of(world.set_of(index).index());
    let numbers: Vec<String> = (1..=rules.len()).map(|number| number.to_string()).collect();
    let fix =
        format!("delete {name}, or bind the role with a ClusterRoleBinding if that was the intent");
    let detail = if let [only] = &numbers[..] {
        format!("rule {only} of its role covers only cluster-scoped resources")
    } else {
        format!(
            "rules {} of its role cover only cluster-scoped resources",
            numbers.join(", ")
        )
    };
    found.push(object("HYG-09", name, detail, fix));
}

fn roles(world: &World<'_>, defaults: &Defaults, all: bool, found: &mut Vec<Finding>) {
    let policy = world.policy;
    let mut bound: BTreeSet<(bool, u32)> = BTreeSet::new();
    for index in 0..world.binding_count() {
        match world.role_at(index) {
            RoleAt::Cluster(at) => bound.insert((true, at)),
            RoleAt::Namespaced(at) => bound.insert((false, at)),
            RoleAt::Missing => false,
        };
    }
    let selectors: Vec<_> = policy
        .cluster_roles
        .iter()
        .filter_map(|role| role.aggregation_rule.as_ref())
        .flat_map(|rule| &rule.cluster_role_selectors)
        .collect();
    let both = policy
        .cluster_roles
        .iter()
        .enumerate()
        .map(|(index, role)| (true, index, role))
        .chain(
            policy
                .roles
                .iter()
                .enumerate()
                .map(|(index, role)| (false, index, role)),
        );
    for (cluster, index, role) in both {
        if !all && defaults.is_role(role) {
            continue;
        }
        let meta = &role.metadata;
        let name = if cluster {
            format!("ClusterRole/{}", meta.name)
        } else {
            format!("Role/{}/{}", meta.namespace, meta.name)
        };
        let key = (cluster, u32::try_from(index).unwrap_or(u32::MAX));
        let part = cluster && selectors.iter().any(|one| one.selects(&meta.labels));
        let unseen =
            !policy.has_read(&Read::RoleBindings) || !policy.has_read(&Read::ClusterRoleBindings);
        if !bound.contains(&key) && !part && !unseen {
            found.push(object(
                "HYG-04",
                name.clone(),
                "no binding refers to it".to_owned(),
                format!("delete {name}"),
            ));
        }
        if cluster {
            drift(role, &name, policy, found);
            if let Some(lost) = policy.overwritten.get(&meta.name) {
                found.push(overwritten(&name, lost));
            }
        }
        // What an aggregated role holds is told at its parts.
        if role.aggregation_rule.is_none() {
            for number in 0..role.rules.len() {
                dead::in_rule(&name, number, role, policy, found);
            }
        }
    }
}

/// Says which rules of manifests the controller would not keep.
fn overwritten(name: &str, lost: &[Rule]) -> Finding {
    let words = |rule: &Rule| {
        let what = if rule.resources.is_empty() {
            &rule.non_resource_urls
        } else {
            &rule.resources
        };
        format!("{} {}", rule.verbs.join(","), what.join(","))
    };
    let lost: Vec<String> = lost.iter().map(words).collect();
    object(
        "HYG-21",
        name.to_owned(),
        format!("no part of it here has: {}", lost.join("; ")),
        "move the rules into a ClusterRole that its aggregationRule selects".to_owned(),
    )
}

fn drift(role: &Role, name: &str, policy: &Policy, found: &mut Vec<Finding>) {
    if !policy.has_read(&Read::ClusterRoles) {
        return;
    }
    if let Some(computed) = aggregate::computed(role, &policy.cluster_roles)
        && computed != role.rules
    {
        found.push(object(
            "HYG-11",
            name.to_owned(),
            format!(
                "it has {}, its parts have {}",
                count(role.rules.len(), "rule"),
                computed.len()
            ),
            "check the clusterrole-aggregation controller".to_owned(),
        ));
    }
}

/// The same list of rules twice for one subject, where one is enough.
fn redundant(world: &World<'_>, subjects: &SubjectIndex<'_>, found: &mut Vec<Finding>) {
    // Subject, list of rules, binding, place of the subject in it.
    let mut held: Vec<(u32, usize, usize, usize)> = Vec::new();
    for index in 0..world.binding_count() {
        let set = world.set_of(index).index();
        if world.rules_of(set).is_empty() {
            continue;
        }
        for (at, subject) in subjects.of(index).iter().enumerate() {
            held.extend(subject.map(|subject| (subject, set, index, at)));
        }
    }
    held.sort_unstable();
    for same in held.chunk_by(|one, next| (one.0, one.1) == (next.0, next.1)) {
        for (number, &(subject, _, index, at)) in same.iter().enumerate() {
            let by = same[..number].iter().find(|(_, _, other, _)| {
                *other != index
                    && (world.is_cluster_wide(*other)
                        || world.scope_of(*other) == world.scope_of(index))
            });
            if let Some((_, _, other, _)) = by {
                let (name, subject) = (name_of(world, index), subjects.name(subject).to_subject());
                let detail = format!("{} grants the same", name_of(world, *other));
                let fix = format!("remove {subject} from {name}");
                let finding = object("HYG-08", name, detail, fix);
                found.push(about(subject, index, at, finding));
            }
        }
    }
}
