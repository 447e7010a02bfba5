//! What is taken from her. Pure.

use std::collections::BTreeSet;

use groundcrew::error::{Error, Result};
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::rbac::v1::Subject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::observe::{Binding, Contents, Found};
use crate::identity::UserName;
use crate::meta;
use crate::objects;
use crate::record::{CredentialKind, Generation, SYSTEM_NAMESPACE};

/// What is done to end her access.
#[derive(Debug)]
pub struct Plan {
    /// Bindings that name her.
    pub bindings: Vec<Unbind>,
    /// Groups that she shares with others, in certificates that have not ended, and what each
    /// still gives her.
    pub shared: Vec<Shared>,
    /// Secrets behind her tokens.
    pub secrets: Vec<ObjectMeta>,
    /// The service account behind them.
    pub account: Option<ObjectMeta>,
    /// Requests that nobody has decided yet: denied.
    pub requests: Vec<CertificateSigningRequest>,
    /// What becomes of her namespace.
    pub namespace: NamespaceEnd,
    /// Every group that was ever in a certificate of hers, her own ones first.
    pub groups: Vec<String>,
    /// She has or had a token.
    pub token: bool,
    /// Namespaces where the proof looks.
    pub places: Vec<String>,
    /// The highest generation that is known of.
    pub highest_generation: u32,
}

/// A binding, and who stays in it.
#[derive(Debug)]
pub struct Unbind {
    /// As it was read.
    pub binding: Binding,
    /// Whom it names besides her; when nobody, it is deleted.
    pub others: Vec<Subject>,
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

/// What becomes of her namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum NamespaceEnd {
    /// There is none.
    None,
    /// It stays, because that was asked for.
    Kept(String),
    /// It stays: nothing says that it is hers.
    NotHers(String),
    /// It is being deleted already.
    Going(String),
    /// It is deleted with what is in it.
    Deleted {
        /// Name, UID and resourceVersion.
        metadata: Box<ObjectMeta>,
        /// What is in it.
        contents: Contents,
        /// Others who have rights there.
        others: Vec<String>,
    },
}

/// Decides.
///
/// # Errors
///
/// Failed, when nothing in the cluster knows her: a typing error must not look like an end.
pub fn plan(user: &UserName, found: &Found, keep_namespace: bool, now: Timestamp) -> Result<Plan> {
    let generations = found
        .record
        .as_ref()
        .map(|found| found.record.generations.as_slice())
        .unwrap_or_default();
    let bindings: Vec<Unbind> = found
        .bindings
        .iter()
        .filter_map(|binding| unbind(user, binding))
        .collect();
    let namespace = namespace_end(user, found, keep_namespace);
    let known = found.record.is_some()
        || !bindings.is_empty()
        || found.account.is_some()
        || matches!(
            namespace,
            NamespaceEnd::Deleted { .. } | NamespaceEnd::Kept(_)
        );
    if !known {
        return Err(Error::failed(format!(
            "{user} is not on record, and no binding of this cluster names {user}"
        ))
        .with_hint("everybody on record:  kubectl onboard list"));
    }
    let named = bindings
        .iter()
        .flat_map(|unbind| hers(user, &unbind.binding));
    let numbers: BTreeSet<u32> = named
        .filter_map(|subject| user.generation_of(&subject.name))
        .chain(generations.iter().map(|issue| issue.generation))
        .collect();
    let shared = shared(user, generations, &found.bindings, now);
    let mut groups: Vec<String> = numbers
        .iter()
        .map(|number| user.generation_group(*number))
        .chain(in_use(user, generations, now).cloned())
        .collect();
    groups.dedup();
    Ok(Plan {
        token: found.account.is_some()
            || generations
                .iter()
                .any(|issue| issue.kind == CredentialKind::Token),
        shared,
        secrets: found.secrets.clone(),
        account: found.account.clone(),
        requests: found
            .requests
            .iter()
            .filter(|one| undecided(one))
            .cloned()
            .collect(),
        places: places(user, found, &bindings),
        highest_generation: numbers.last().copied().unwrap_or_default(),
        namespace,
        groups,
        bindings,
    })
}

impl Plan {
    /// Returns whether there is anything left to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
            && self.secrets.is_empty()
            && self.account.is_none()
            && self.requests.is_empty()
            && !matches!(self.namespace, NamespaceEnd::Deleted { .. })
    }
}

/// Returns the subjects of a binding that are she.
pub fn hers<'a>(user: &'a UserName, binding: &'a Binding) -> impl Iterator<Item = &'a Subject> {
    binding
        .subjects
        .iter()
        .filter(|subject| is_she(user, subject))
}

/// Says whether a subject is she: by name, by a generation, or by the account behind her tokens,
/// which RBAC knows under a user name too.
fn is_she(user: &UserName, subject: &Subject) -> bool {
    let account = objects::binding_name(user);
    match subject.kind.as_str() {
        "User" => {
            subject.name == user.as_str()
                || subject.name == format!("system:serviceaccount:{SYSTEM_NAMESPACE}:{account}")
        }
        "Group" => user.generation_of(&subject.name).is_some(),
        "ServiceAccount" => {
            subject.name == account && subject.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
        }
        _ => false,
    }
}

/// Returns what becomes of a binding that names her; nothing when it does not.
pub fn unbind(user: &UserName, binding: &Binding) -> Option<Unbind> {
    hers(user, binding).next()?;
    let others = binding
        .subjects
        .iter()
        .filter(|subject| !is_she(user, subject));
    Some(Unbind {
        others: others.cloned().collect(),
        binding: binding.clone(),
    })
}

/// Finds what the groups in her certificates give that are not hers alone. Every certificate that
/// has not ended counts, also one whose own rights were taken long ago.
fn shared(
    user: &UserName,
    generations: &[Generation],
    bindings: &[Binding],
    now: Timestamp,
) -> Vec<Shared> {
    let groups: BTreeSet<&String> = in_use(user, generations, now).collect();
    let grants = |group: &'_ String| {
        let group = group.clone();
        let names = move |binding: &&Binding| {
            let mut subjects = binding.subjects.iter();
            subjects.any(|subject| subject.kind == "Group" && subject.name == group)
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

/// Returns the groups of certificates that have not ended, without those that are hers alone.
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

fn namespace_end(user: &UserName, found: &Found, keep: bool) -> NamespaceEnd {
    let Some(namespace) = &found.namespace else {
        return NamespaceEnd::None;
    };
    let name = namespace.metadata.name.clone().unwrap_or_default();
    let owner = namespace.annotations.get(meta::OWNER);
    if owner.is_none_or(|owner| owner != user.as_str()) {
        return NamespaceEnd::NotHers(name);
    }
    if namespace.terminating {
        return NamespaceEnd::Going(name);
    }
    if keep {
        return NamespaceEnd::Kept(name);
    }
    let inside = |binding: &&Binding| binding.metadata.namespace.as_ref() == Some(&name);
    let others: BTreeSet<String> = found
        .bindings
        .iter()
        .filter(inside)
        .flat_map(|binding| binding.subjects.iter())
        .filter(|subject| !is_she(user, subject))
        .map(|subject| format!("{} {}", subject.kind.to_lowercase(), subject.name))
        .collect();
    NamespaceEnd::Deleted {
        metadata: Box::new(namespace.metadata.clone()),
        contents: found.contents,
        others: others.into_iter().collect(),
    }
}

/// Returns the namespaces where she had something. A cluster-wide grant shows in each of them.
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
