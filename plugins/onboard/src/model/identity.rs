//! Who the API server takes for the user, and which bindings name them. Pure.

use crate::model::generation::Generation;
use crate::model::labels;
use crate::model::left::Other;
use crate::model::login::Asserted;
use crate::model::record::Record;
use crate::model::settings::Extra;
use crate::model::user::UserName;
use groundcrew::tenancy::{CLAIM_OWNER_BINDING, SYSTEM_NAMESPACE};
use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binding {
    /// Name, namespace (none: a ClusterRoleBinding), UID and resourceVersion.
    pub metadata: ObjectMeta,
    /// What it grants.
    pub role: RoleRef,
    /// The subjects that it names.
    pub subjects: Vec<Subject>,
}

impl Binding {
    /// Returns `rolebinding/alice/onboard-alice` or `clusterrolebinding/admins`.
    #[must_use]
    pub fn object(&self) -> String {
        self.describe().replacen(' ', "/", 1)
    }

    /// Returns what it grants: `ClusterRole edit`.
    #[must_use]
    pub fn granted(&self) -> String {
        format!("{} {}", self.role.kind, self.role.name)
    }

    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.metadata.namespace.is_some() {
            "rolebinding"
        } else {
            "clusterrolebinding"
        }
    }

    /// Returns `rolebinding alice/onboard-alice` or `clusterrolebinding admins`.
    #[must_use]
    pub fn describe(&self) -> String {
        let name = self.metadata.name.as_deref().unwrap_or_default();
        match &self.metadata.namespace {
            Some(namespace) => format!("rolebinding {namespace}/{name}"),
            None => format!("clusterrolebinding {name}"),
        }
    }
}

impl From<RoleBinding> for Binding {
    fn from(binding: RoleBinding) -> Self {
        Self {
            metadata: binding.metadata,
            role: binding.role_ref,
            subjects: binding.subjects.unwrap_or_default(),
        }
    }
}

impl From<ClusterRoleBinding> for Binding {
    fn from(binding: ClusterRoleBinding) -> Self {
        Self {
            metadata: binding.metadata,
            role: binding.role_ref,
            subjects: binding.subjects.unwrap_or_default(),
        }
    }
}

/// Everything that the API server takes for the user.
pub struct Identities<'a> {
    pub(crate) user: &'a UserName,
    account: String,
    pub(crate) asserted: Vec<&'a Asserted>,
}

impl<'a> Identities<'a> {
    /// Returns the user with every login that is on record.
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

    /// Says whether a subject is the user: by name, by a generation, by a login, or by the account
    /// behind their tokens, which RBAC knows under a user name too.
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

    /// Says whether a subject is in this binding because of the user alone: this includes the
    /// group of a login, in the binding that was made for it.
    #[must_use]
    pub fn is_in(&self, binding: &Binding, subject: &Subject) -> bool {
        let labels = binding.metadata.labels.as_ref();
        let label = labels.and_then(|labels| labels.get(labels::USER_LABEL));
        let own = binding.metadata.name.as_ref() == Some(&self.account)
            && label == Some(&self.user.slug());
        let group = |one: &&Asserted| matches!(one, Asserted::Group(name) if *name == subject.name);
        self.is(subject) || (own && subject.kind == "Group" && self.asserted.iter().any(group))
    }

    /// Returns the subjects that stay when the user is taken out of a binding; `None` when the
    /// binding does not name the user.
    #[must_use]
    pub fn others_in(&self, binding: &Binding) -> Option<Vec<Subject>> {
        let (own, others): (Vec<_>, Vec<_>) = binding
            .subjects
            .iter()
            .cloned()
            .partition(|subject| self.is_in(binding, subject));
        (!own.is_empty()).then_some(others)
    }
}

fn other<'a>(binding: &Binding, to: impl Iterator<Item = &'a Subject>) -> Other {
    Other {
        binding: binding.object(),
        grants: binding.granted(),
        to: to.map(described).collect(),
    }
}

fn described(subject: &Subject) -> String {
    let kind = subject.kind.to_lowercase();
    match &subject.namespace {
        Some(namespace) => format!("{kind} {namespace}/{}", subject.name),
        None => format!("{kind} {}", subject.name),
    }
}

/// Returns the bindings that name the user and are neither on record nor those of a namespace that
/// the user has claimed, which `kubectl ns-claim` keeps.
#[must_use]
pub fn others(
    user: &UserName,
    record: &Record,
    claimed: &[String],
    bindings: &[Binding],
) -> Vec<Other> {
    let identities = Identities::new(user, &record.generations);
    let beyond = bindings
        .iter()
        .filter(|binding| !is_given(user, record, claimed, binding));
    let named = beyond.filter_map(|binding| {
        let mut own = binding
            .subjects
            .iter()
            .filter(|subject| identities.is_in(binding, subject))
            .peekable();
        own.peek()?;
        Some(other(binding, own))
    });
    named.collect()
}

/// Returns the bindings that give a service account something in a namespace and were made at
/// `since` or later. No server tells who made a binding; the user may have.
#[must_use]
pub fn made_since(bindings: &[Binding], namespace: &str, since: Timestamp) -> Vec<Other> {
    let made = bindings.iter().filter(|binding| {
        let metadata = &binding.metadata;
        metadata.namespace.as_deref() == Some(namespace)
            && metadata
                .creation_timestamp
                .as_ref()
                .is_some_and(|at| at.0 >= since)
    });
    made.filter_map(|binding| {
        let mut accounts = binding
            .subjects
            .iter()
            .filter(|subject| {
                // An account of this suite's own holds the rights of somebody who is on record.
                subject.kind == "ServiceAccount"
                    && subject.namespace.as_deref() != Some(SYSTEM_NAMESPACE)
            })
            .peekable();
        accounts.peek()?;
        Some(other(binding, accounts))
    })
    .collect()
}

/// Says whether the record accounts for a binding.
fn is_given(user: &UserName, record: &Record, claimed: &[String], binding: &Binding) -> bool {
    let name = binding.metadata.name.as_deref().unwrap_or_default();
    let settings = &record.settings;
    let grants = |kind: &str, role: &str| binding.role.kind == kind && binding.role.name == role;
    let Some(namespace) = binding.metadata.namespace.as_deref() else {
        let mut extras = settings.extras.iter();
        return extras
            .any(|extra| name == extra.binding_name(user) && grants("ClusterRole", extra.role()));
    };
    if name == CLAIM_OWNER_BINDING && claimed.iter().any(|one| one == namespace) {
        return true;
    }
    let extra = Extra::Claims;
    if namespace == SYSTEM_NAMESPACE && name == extra.binding_name(user) {
        return settings.extras.contains(&extra) && grants("Role", extra.role());
    }
    let own = name == labels::binding_name(user);
    let next = name == labels::next_binding_name(user)
        && record.replacing.iter().any(|one| one == namespace);
    // The role of the user's own namespace has a check of its own.
    let home = namespace == record.namespace;
    let mut joined = settings.memberships.iter();
    let joined =
        joined.any(|place| place.namespace == namespace && grants("ClusterRole", &place.role));
    next || (own && (home || joined))
}

#[cfg(test)]
mod tests;
