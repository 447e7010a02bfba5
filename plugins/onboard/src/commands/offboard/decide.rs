//! What is taken from the user. Pure.

use std::collections::BTreeSet;

use groundcrew::error::{Error, Result};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use crate::commands::offboard::observe::Found;
use crate::commands::offboard::steps::{Kind, NamespaceEnd, Step, Unbind};
use crate::model::change::Change;
use crate::model::credential_kind::CredentialKind;
use crate::model::generation::Generation;
use crate::model::identity::{Binding, Identities};
use crate::model::labels;
use crate::model::login::Asserted;
use crate::model::record;
use crate::model::user::UserName;

/// What is done to end a user's access, and what the proof asks afterwards.
#[derive(Debug)]
pub struct Plan {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Groups that the user shares with others, in certificates that have not expired, and what
    /// each still gives.
    pub shared: Vec<Shared>,
    /// Every group that was ever in a certificate of the user, their own ones first.
    pub groups: Vec<String>,
    /// The user has or had a token.
    pub token: bool,
    /// User names that logins give other than the user's own.
    pub names: Vec<String>,
    /// Namespaces where the proof looks.
    pub places: Vec<String>,
    /// The highest generation that is known of.
    pub highest_generation: u32,
}

/// What a shared group gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The group.
    pub group: String,
    /// `rolebinding web/developers`.
    pub binding: String,
    /// `ClusterRole edit`.
    pub role: String,
}

/// Decides.
///
/// # Errors
///
/// Failed, when nothing in the cluster knows the user: a typo must not look like an offboarding.
pub fn plan(user: &UserName, found: &Found, keep_namespace: bool, now: Timestamp) -> Result<Plan> {
    let generations = found
        .record
        .as_ref()
        .map(|found| found.record.generations.as_slice())
        .unwrap_or_default();
    let identities = Identities::new(user, generations);
    let bindings: Vec<Unbind> = found
        .bindings
        .iter()
        .filter_map(|binding| Unbind::of(&identities, binding))
        .collect();
    let namespace = namespace_end(&identities, found, keep_namespace);
    let known = found.record.is_some()
        || !bindings.is_empty()
        || found.account.is_some()
        || matches!(
            namespace,
            Some(NamespaceEnd::Deleted { .. } | NamespaceEnd::Kept(_))
        );
    if !known {
        return Err(Error::failed(format!(
            "{user} is not on record, and no binding of this cluster names {user}"
        ))
        .with_hint("all users on record:  kubectl onboard list"));
    }
    let named = bindings.iter().flat_map(|unbind| &unbind.binding.subjects);
    let numbers: BTreeSet<u32> = named
        .filter_map(|subject| user.generation_of(&subject.name))
        .chain(generations.iter().map(|issue| issue.generation))
        .collect();
    let shared = shared(&identities, generations, &found.bindings, now);
    let mut groups: Vec<String> = numbers
        .iter()
        .map(|number| user.generation_group(*number))
        .chain(in_use(user, generations, now).cloned())
        .collect();
    groups.dedup();
    Ok(Plan {
        names: identities
            .asserted
            .iter()
            .filter_map(|one| match one {
                Asserted::User(name) if name != user.as_str() => Some(name.clone()),
                Asserted::User(_) | Asserted::Group(_) => None,
            })
            .collect(),
        token: found.account.is_some()
            || generations
                .iter()
                .any(|issue| issue.kind == CredentialKind::Token),
        shared,
        places: places(user, found, &bindings),
        highest_generation: numbers.last().copied().unwrap_or_default(),
        groups,
        steps: steps(user, found, keep_namespace, bindings, namespace),
    })
}

/// Lists what is done: the record first, then rights, then credentials, then namespaces, so that
/// the user has no rights left whatever fails later.
fn steps(
    user: &UserName,
    found: &Found,
    keep_namespace: bool,
    bindings: Vec<Unbind>,
    namespace: Option<NamespaceEnd>,
) -> Vec<Step> {
    let mut steps = vec![Step::Record {
        name: record::name(user),
        exists: found.record.is_some(),
    }];
    steps.extend(bindings.into_iter().map(Step::Binding));
    steps.extend(found.secrets.iter().cloned().map(Step::Secret));
    steps.extend(found.account.iter().cloned().map(Step::Account));
    let open = found.requests.iter().filter(|one| undecided(one));
    steps.extend(open.cloned().map(Box::new).map(Step::Request));
    if !keep_namespace {
        steps.extend(found.claims.iter().cloned().map(Step::Claim));
    }
    steps.extend(namespace.map(Step::Namespace));
    steps
}

impl Plan {
    /// Returns whether there is nothing left to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let takes = |step: &Step| step.kind() != Kind::Record && step.change() != Change::Unchanged;
        !self.steps.iter().any(takes)
    }

    /// Returns the bindings that name the user.
    pub fn bindings(&self) -> impl Iterator<Item = &Unbind> {
        self.steps.iter().filter_map(|step| match step {
            Step::Binding(unbind) => Some(unbind),
            _ => None,
        })
    }

    /// Returns what becomes of the user's namespace, if there is one.
    #[must_use]
    pub fn namespace(&self) -> Option<&NamespaceEnd> {
        self.steps.iter().find_map(|step| match step {
            Step::Namespace(end) => Some(end),
            _ => None,
        })
    }

    /// Returns the name of the user's namespace when it is deleted.
    #[must_use]
    pub fn deleted_namespace(&self) -> Option<&str> {
        let end = self.namespace()?;
        matches!(end, NamespaceEnd::Deleted { .. }).then(|| end.name())
    }
}

/// Finds what the groups in the user's certificates give that others hold too. Every certificate
/// that has not expired counts, even when its own rights were taken away long ago.
pub fn shared(
    identities: &Identities<'_>,
    generations: &[Generation],
    bindings: &[Binding],
    now: Timestamp,
) -> Vec<Shared> {
    let groups: BTreeSet<&String> = in_use(identities.user, generations, now).collect();
    let grants = |group: &'_ String| {
        let group = group.clone();
        let names = move |binding: &&Binding| {
            let mut subjects = binding.subjects.iter();
            subjects.any(|subject| {
                subject.kind == "Group"
                    && subject.name == group
                    && !identities.is_in(binding, subject)
            })
        };
        bindings.iter().filter(names)
    };
    groups
        .into_iter()
        .flat_map(|group| {
            grants(group).map(|binding| Shared {
                group: group.clone(),
                binding: binding.describe(),
                role: format!("{} {}", binding.role.kind, binding.role.name),
            })
        })
        .collect()
}

/// Returns the groups of certificates that have not expired, without the user's own ones.
fn in_use<'a>(
    user: &'a UserName,
    generations: &'a [Generation],
    now: Timestamp,
) -> impl Iterator<Item = &'a String> {
    generations
        .iter()
        .filter(move |issue| issue.not_after > now)
        .flat_map(|issue| &issue.groups)
        .filter(|group| user.generation_of(group).is_none())
}

fn undecided(request: &CertificateSigningRequest) -> bool {
    let conditions = request
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions.is_none_or(|all| {
        !all.iter()
            .any(|one| matches!(one.type_.as_str(), "Approved" | "Denied" | "Failed"))
    })
}

fn namespace_end(identities: &Identities<'_>, found: &Found, keep: bool) -> Option<NamespaceEnd> {
    let namespace = found.namespace.as_ref()?;
    let name = namespace.metadata.name.clone().unwrap_or_default();
    let owner = namespace.annotations.get(labels::OWNER);
    if owner.is_none_or(|owner| owner != identities.user.as_str()) {
        return Some(NamespaceEnd::NotOwned(name));
    }
    if namespace.terminating {
        return Some(NamespaceEnd::Going(name));
    }
    if keep {
        return Some(NamespaceEnd::Kept(name));
    }
    let inside = |binding: &&Binding| binding.metadata.namespace.as_ref() == Some(&name);
    let others: BTreeSet<String> = found
        .bindings
        .iter()
        .filter(inside)
        .flat_map(|binding| {
            binding
                .subjects
                .iter()
                .map(move |subject| (binding, subject))
        })
        .filter(|(binding, subject)| !identities.is_in(binding, subject))
        .map(|(_, subject)| subject)
        .map(|subject| format!("{} {}", subject.kind.to_lowercase(), subject.name))
        .collect();
    Some(NamespaceEnd::Deleted {
        metadata: Box::new(namespace.metadata.clone()),
        contents: found.contents,
        others: others.into_iter().collect(),
    })
}

/// Returns the namespaces where the user had something. A cluster-wide grant shows in each of
/// them.
fn places(user: &UserName, found: &Found, bindings: &[Unbind]) -> Vec<String> {
    let own = found
        .record
        .as_ref()
        .map_or_else(|| user.slug(), |found| found.record.namespace.clone());
    let bound = bindings
        .iter()
        .filter_map(|unbind| unbind.binding.metadata.namespace.clone());
    let all: BTreeSet<String> = bound.chain([own]).collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests;
