//! What is taken from her. Pure.

use std::collections::BTreeSet;

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::rbac::v1::Subject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::commands::offboard::observe::{Binding, Contents, Found};
use crate::model::credential_kind::CredentialKind;
use crate::model::generation::Generation;
use crate::model::labels;
use crate::model::login::Asserted;
use crate::model::user::UserName;

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
    /// Temporary namespaces that she has claimed: deleted, unless namespaces are kept.
    pub claims: Vec<ObjectMeta>,
    /// What becomes of her namespace.
    pub namespace: NamespaceEnd,
    /// Every group that was ever in a certificate of hers, her own ones first.
    pub groups: Vec<String>,
    /// She has or had a token.
    pub token: bool,
    /// User names that logins give her besides her own.
    pub names: Vec<String>,
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
    NotOwned(String),
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
    let she = Identities::new(user, generations);
    let bindings: Vec<Unbind> = found
        .bindings
        .iter()
        .filter_map(|binding| she.unbind(binding))
        .collect();
    let namespace = namespace_end(&she, found, keep_namespace);
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
    let named = bindings.iter().flat_map(|unbind| &unbind.binding.subjects);
    let numbers: BTreeSet<u32> = named
        .filter_map(|subject| user.generation_of(&subject.name))
        .chain(generations.iter().map(|issue| issue.generation))
        .collect();
    let shared = shared(&she, generations, &found.bindings, now);
    let mut groups: Vec<String> = numbers
        .iter()
        .map(|number| user.generation_group(*number))
        .chain(in_use(user, generations, now).cloned())
        .collect();
    groups.dedup();
    Ok(Plan {
        names: she
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
        claims: if keep_namespace {
            Vec::new()
        } else {
            found.claims.clone()
        },
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
            && self.claims.is_empty()
            && !matches!(self.namespace, NamespaceEnd::Deleted { .. })
    }
}

/// Whom the API server takes for her.
pub struct Identities<'a> {
    user: &'a UserName,
    account: String,
    asserted: Vec<&'a Asserted>,
}

impl<'a> Identities<'a> {
    /// Returns her with every login that is on record.
    #[must_use]
    pub fn new(user: &'a UserName, generations: &'a [Generation]) -> Self {
        let logins = generations
            .iter()
            .filter_map(|issue| issue.asserted.as_ref());
        Self {
            user,
            account: labels::binding_name(user),
            asserted: logins.collect(),
        }
    }

    /// Says whether a subject is she: by name, by a generation, by a login, or by the account
    /// behind her tokens, which RBAC knows under a user name too.
    fn is(&self, subject: &Subject) -> bool {
        let Self { user, account, .. } = self;
        match subject.kind.as_str() {
            "User" => {
                let mut logins = self.asserted.iter();
                subject.name == user.as_str()
                    || subject.name == format!("system:serviceaccount:{SYSTEM_NAMESPACE}:{account}")
                    || logins
                        .any(|one| matches!(one, Asserted::User(name) if *name == subject.name))
            }
            "Group" => user.generation_of(&subject.name).is_some(),
            "ServiceAccount" => {
                subject.name == *account && subject.namespace.as_deref() == Some(SYSTEM_NAMESPACE)
            }
            _ => false,
        }
    }

    /// Says whether a subject has its place in this binding because of her alone: also the group
    /// of a login, in the binding that was made for it.
    fn is_in(&self, binding: &Binding, subject: &Subject) -> bool {
        let labels = binding.metadata.labels.as_ref();
        let label = labels.and_then(|labels| labels.get(labels::USER_LABEL));
        let own = binding.metadata.name.as_ref() == Some(&self.account)
            && label == Some(&self.user.slug());
        let group = |one: &&Asserted| matches!(one, Asserted::Group(name) if *name == subject.name);
        self.is(subject) || (own && subject.kind == "Group" && self.asserted.iter().any(group))
    }

    /// Returns what becomes of a binding that names her; nothing when it does not.
    #[must_use]
    pub fn unbind(&self, binding: &Binding) -> Option<Unbind> {
        let (hers, others): (Vec<_>, Vec<_>) = binding
            .subjects
            .iter()
            .cloned()
            .partition(|subject| self.is_in(binding, subject));
        (!hers.is_empty()).then(|| Unbind {
            others,
            binding: binding.clone(),
        })
    }
}

/// Finds what the groups in her certificates give that are not hers alone. Every certificate that
/// has not ended counts, also one whose own rights were taken long ago.
pub fn shared(
    she: &Identities<'_>,
    generations: &[Generation],
    bindings: &[Binding],
    now: Timestamp,
) -> Vec<Shared> {
    let groups: BTreeSet<&String> = in_use(she.user, generations, now).collect();
    let grants = |group: &'_ String| {
        let group = group.clone();
        let names = move |binding: &&Binding| {
            let mut subjects = binding.subjects.iter();
            subjects.any(|subject| {
                subject.kind == "Group" && subject.name == group && !she.is_in(binding, subject)
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

fn namespace_end(she: &Identities<'_>, found: &Found, keep: bool) -> NamespaceEnd {
    let Some(namespace) = &found.namespace else {
        return NamespaceEnd::None;
    };
    let name = namespace.metadata.name.clone().unwrap_or_default();
    let owner = namespace.annotations.get(labels::OWNER);
    if owner.is_none_or(|owner| owner != she.user.as_str()) {
        return NamespaceEnd::NotOwned(name);
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
        .flat_map(|binding| {
            binding
                .subjects
                .iter()
                .map(move |subject| (binding, subject))
        })
        .filter(|(binding, subject)| !she.is_in(binding, subject))
        .map(|(_, subject)| subject)
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
