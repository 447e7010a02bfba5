//! The steps of an offboarding, as one list. The rights that it takes, the lines of a dry run, the
//! lines of a run and the documents are all read from it.

use groundcrew::client::access::Access;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::rbac::v1::Subject;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::commands::offboard::observe::Contents;
use crate::model::change::Change;
use crate::model::identity::{Binding, Identities};

/// Kinds of steps, in the order in which they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Record,
    Binding,
    Secret,
    Account,
    Request,
    Claim,
    Namespace,
}

impl Kind {
    /// Every kind of step that an offboarding may take.
    #[must_use]
    pub fn all(keep_namespace: bool) -> &'static [Self] {
        const ALL: &[Kind] = &[
            Kind::Record,
            Kind::Binding,
            Kind::Secret,
            Kind::Account,
            Kind::Request,
            Kind::Claim,
            Kind::Namespace,
        ];
        if keep_namespace { &ALL[..5] } else { ALL }
    }

    /// Returns the rights that such a step needs. They are checked before anything is read, so
    /// they do not depend on what is found.
    #[must_use]
    pub fn rights(self) -> Vec<Access> {
        let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
        match self {
            Self::Record => ["get", "create", "update"]
                .map(|verb| system(verb, "configmaps"))
                .into(),
            Self::Binding => ["rolebindings", "clusterrolebindings"]
                .iter()
                .flat_map(|resource| {
                    let resource = format!("{resource}.rbac.authorization.k8s.io");
                    ["get", "patch", "delete"].map(|verb| Access::new(verb, &resource))
                })
                .collect(),
            Self::Secret => vec![system("delete", "secrets")],
            Self::Account => vec![system("delete", "serviceaccounts")],
            Self::Request => vec![
                Access::new(
                    "update",
                    "certificatesigningrequests.certificates.k8s.io/approval",
                ),
                Access::new("approve", "signers.certificates.k8s.io")
                    .named("kubernetes.io/kube-apiserver-client"),
            ],
            Self::Claim | Self::Namespace => vec![Access::new("delete", "namespaces")],
        }
    }
}

/// One step: what it is about. What is done follows from it.
#[derive(Clone, Debug)]
pub enum Step {
    /// The record: marked first, so that a run that issues something meets a conflict.
    Record {
        /// `onboard-alice`.
        name: String,
        /// There is one already.
        exists: bool,
    },
    /// A binding that names the user.
    Binding(Unbind),
    /// A Secret behind one of their tokens.
    Secret(ObjectMeta),
    /// The service account behind their tokens.
    Account(ObjectMeta),
    /// A request that nobody has decided yet.
    Request(Box<CertificateSigningRequest>),
    /// A temporary namespace that the user has claimed.
    Claim(ObjectMeta),
    /// The user's own namespace.
    Namespace(NamespaceEnd),
}

impl Step {
    /// Says whether it deletes the user's own namespace.
    #[must_use]
    pub fn is_deleted_namespace(&self) -> bool {
        matches!(self, Self::Namespace(NamespaceEnd::Deleted { .. }))
    }

    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Record { .. } => Kind::Record,
            Self::Binding(_) => Kind::Binding,
            Self::Secret(_) => Kind::Secret,
            Self::Account(_) => Kind::Account,
            Self::Request(_) => Kind::Request,
            Self::Claim(_) => Kind::Claim,
            Self::Namespace(_) => Kind::Namespace,
        }
    }

    /// Returns the object as `kind/namespace/name`, or `kind/name` when it is in no namespace.
    #[must_use]
    pub fn object(&self) -> String {
        let system = |kind: &str, name: &str| format!("{kind}/{SYSTEM_NAMESPACE}/{name}");
        match self {
            Self::Record { name, .. } => system("configmap", name),
            Self::Binding(unbind) => unbind.binding.object(),
            Self::Secret(secret) => system("secret", name(secret)),
            Self::Account(account) => system("serviceaccount", name(account)),
            Self::Request(request) => {
                format!("certificatesigningrequest/{}", name(&request.metadata))
            }
            Self::Claim(claim) => format!("namespace/{}", name(claim)),
            Self::Namespace(end) => format!("namespace/{}", end.name()),
        }
    }

    /// Returns the object as `kind/name`, which is what kubectl accepts.
    #[must_use]
    pub fn short_name(&self) -> String {
        let object = self.object();
        let kind = object.split('/').next().unwrap_or_default();
        let name = object.rsplit('/').next().unwrap_or_default();
        format!("{kind}/{name}")
    }

    /// Returns what becomes of the object.
    #[must_use]
    pub fn change(&self) -> Change {
        match self {
            Self::Record { exists: false, .. } => Change::Created,
            Self::Binding(unbind) if unbind.others.is_empty() => Change::Deleted,
            Self::Record { .. } | Self::Binding(_) => Change::Configured,
            Self::Request(_) => Change::Denied,
            Self::Secret(_)
            | Self::Account(_)
            | Self::Claim(_)
            | Self::Namespace(NamespaceEnd::Deleted { .. }) => Change::Deleted,
            Self::Namespace(_) => Change::Unchanged,
        }
    }

    /// Returns what to say about it, for people.
    #[must_use]
    pub fn detail(&self, user: &str) -> String {
        match self {
            Self::Record { .. } => "the record, marked as offboarded".to_owned(),
            Self::Binding(unbind) => {
                let gave = format!("gave {}", unbind.binding.granted());
                match unbind.others.len() {
                    0 => gave,
                    _ => format!("{gave}; stays without {user}"),
                }
            }
            Self::Secret(_) => "ends the token bound to it".to_owned(),
            Self::Account(_) => format!("ends every token of {user}"),
            Self::Request(_) => String::new(),
            Self::Claim(_) | Self::Namespace(NamespaceEnd::Deleted { .. }) => {
                "including everything in it".to_owned()
            }
            Self::Namespace(NamespaceEnd::Kept(_)) => "kept: --keep-namespace".to_owned(),
            Self::Namespace(NamespaceEnd::NotOwned(_)) => {
                format!("kept: not marked as owned by {user}")
            }
            Self::Namespace(NamespaceEnd::Going(_)) => "is already being deleted".to_owned(),
        }
    }
}

/// Returns an object's name.
#[must_use]
pub fn name(metadata: &ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or_default()
}

/// A binding, and who stays in it.
#[derive(Clone, Debug)]
pub struct Unbind {
    /// As it was read.
    pub binding: Binding,
    /// The others that it names; it is deleted when there are none.
    pub others: Vec<Subject>,
}

impl Unbind {
    /// Returns what becomes of a binding that names the user; `None` when it does not.
    #[must_use]
    pub fn of(identities: &Identities<'_>, binding: &Binding) -> Option<Self> {
        let others = identities.others_in(binding)?;
        Some(Self {
            others,
            binding: binding.clone(),
        })
    }
}

/// What becomes of the user's namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum NamespaceEnd {
    /// It stays, because that was asked for.
    Kept(String),
    /// It stays: it is not marked as owned by the user.
    NotOwned(String),
    /// It is being deleted already.
    Going(String),
    /// It is deleted, including everything in it.
    Deleted {
        /// Name, UID and resourceVersion.
        metadata: Box<ObjectMeta>,
        /// What is in it.
        contents: Contents,
        /// Others who have rights there.
        others: Vec<String>,
    },
}

impl NamespaceEnd {
    /// Returns the namespace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Kept(name) | Self::NotOwned(name) | Self::Going(name) => name,
            Self::Deleted { metadata, .. } => name(metadata),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_namespace_needs_no_right_to_delete_namespaces() {
        let delete = Access::new("delete", "namespaces");
        let needed = |keep| {
            let mut kinds = Kind::all(keep).iter();
            kinds.any(|kind| kind.rights().contains(&delete))
        };
        assert!(needed(false));
        assert!(!needed(true));
    }

    #[test]
    fn a_step_is_told_by_its_object_and_what_becomes_of_it() {
        let metadata = ObjectMeta {
            name: Some("onboard-alice".to_owned()),
            namespace: Some("web".to_owned()),
            ..ObjectMeta::default()
        };
        let told = |step: &Step| format!("{} {}", step.object(), step.change());
        let unbind = |others| {
            Step::Binding(Unbind {
                binding: Binding {
                    metadata: metadata.clone(),
                    ..Binding::default()
                },
                others,
            })
        };
        assert_eq!(
            told(&unbind(Vec::new())),
            "rolebinding/web/onboard-alice deleted"
        );
        assert_eq!(
            told(&unbind(vec![Subject::default()])),
            "rolebinding/web/onboard-alice configured"
        );
        let kept = Step::Namespace(NamespaceEnd::Kept("alice".to_owned()));
        assert_eq!(told(&kept), "namespace/alice unchanged");
    }
}
