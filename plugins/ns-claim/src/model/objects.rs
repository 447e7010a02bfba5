//! The Kubernetes objects of a claim.

use std::collections::BTreeMap;

use groundcrew::tenancy::{Network, POD_SECURITY, Profile, SYSTEM_NAMESPACE};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sha2::{Digest as _, Sha256};

use crate::model::meta;

const RBAC: &str = "rbac.authorization.k8s.io";

/// What a namespace says of its claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Name of the namespace.
    pub name: String,
    /// User name of the owner.
    pub owner: String,
    /// Team, as given.
    pub team: Option<String>,
    /// Purpose, as given.
    pub purpose: Option<String>,
    /// Address or channel for questions about it, as given.
    pub contact: Option<String>,
    /// The end.
    pub expires: Timestamp,
    /// When the owner was warned: at once, when the claim is shorter than the warning.
    pub warned: Option<Timestamp>,
}

/// Returns metadata that says who made it.
#[must_use]
pub fn metadata(name: &str, namespace: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: namespace.map(str::to_owned),
        labels: Some(pairs([meta::MANAGED_BY])),
        ..ObjectMeta::default()
    }
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Returns the namespace with everything that says whose it is, so that it is never seen bare.
#[must_use]
pub fn namespace(terms: &Terms) -> Namespace {
    let mut metadata = metadata(&terms.name, None);
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(pairs([meta::CLAIM]));
    labels.extend(pairs(POD_SECURITY));
    let given = [
        (meta::OWNER, Some(terms.owner.clone())),
        (meta::TEAM, terms.team.clone()),
        (meta::PURPOSE, terms.purpose.clone()),
        (meta::CONTACT, terms.contact.clone()),
        (meta::EXPIRES, Some(terms.expires.to_string())),
        (meta::WARNED, terms.warned.map(|at| at.to_string())),
    ];
    metadata.annotations = Some(
        given
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect(),
    );
    Namespace {
        metadata,
        ..Namespace::default()
    }
}

/// Returns the limits of a profile; before the quota, which refuses pods without requests.
#[must_use]
pub fn limit_range(profile: &Profile, namespace: &str) -> Option<LimitRange> {
    let limits = profile.limit_range()?;
    Some(LimitRange {
        metadata: metadata(meta::LIMITS, Some(namespace)),
        ..limits
    })
}

/// Returns the quota of a profile.
#[must_use]
pub fn quota(profile: &Profile, namespace: &str) -> Option<ResourceQuota> {
    let quota = profile.quota()?;
    Some(ResourceQuota {
        metadata: metadata(meta::LIMITS, Some(namespace)),
        spec: quota.spec,
        status: None,
    })
}

/// Returns the policy that cuts the namespace off from others.
#[must_use]
pub fn network_policy(network: Network, namespace: &str) -> Option<NetworkPolicy> {
    Some(NetworkPolicy {
        metadata: metadata(meta::DEFAULT_DENY, Some(namespace)),
        spec: Some(network.policy()?),
    })
}

/// Who gets rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A user, a service account included.
    User(String),
    /// A group.
    Group(String),
}

impl Holder {
    /// Returns who holds the rights of `user`: the group of their certificate's generation if they
    /// were onboarded, so that the rights end with it; otherwise the user.
    #[must_use]
    pub fn of(user: &str, groups: &[String]) -> Self {
        let generation = groups
            .iter()
            .filter_map(|group| {
                let number = group
                    .strip_prefix("onboard:")?
                    .strip_prefix(user)?
                    .strip_prefix(":g")?
                    .parse::<u32>()
                    .ok()?;
                Some((number, group))
            })
            .max();
        match generation {
            Some((_, group)) => Self::Group(group.clone()),
            None => Self::User(user.to_owned()),
        }
    }

    /// Returns what people read.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::User(name) => format!("user {name}"),
            Self::Group(name) => format!("group {name}"),
        }
    }

    fn subject(&self) -> Subject {
        let (kind, name) = match self {
            Self::User(name) => ("User", name),
            Self::Group(name) => ("Group", name),
        };
        Subject {
            api_group: Some(RBAC.to_owned()),
            kind: kind.to_owned(),
            name: name.clone(),
            namespace: None,
        }
    }
}

/// Returns the binding that gives `role` in the namespace.
#[must_use]
pub fn role_binding(name: &str, namespace: &str, role: &str, holders: &[Holder]) -> RoleBinding {
    RoleBinding {
        metadata: metadata(name, Some(namespace)),
        role_ref: RoleRef {
            api_group: RBAC.to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(holders.iter().map(Holder::subject).collect()),
    }
}

/// Returns the binding that lets someone else work in it.
#[must_use]
pub fn shared(other: &Holder, namespace: &str) -> RoleBinding {
    let digest = Sha256::digest(other.describe().as_bytes());
    let tail: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let name = format!("claim-with-{tail}");
    role_binding(&name, namespace, "edit", std::slice::from_ref(other))
}

/// Returns a record as people read it: `configmap/groundcrew-system/claims`.
#[must_use]
pub fn record(name: &str) -> String {
    format!("configmap/{SYSTEM_NAMESPACE}/{name}")
}

/// Returns the empty index.
#[must_use]
pub fn index() -> ConfigMap {
    ConfigMap {
        metadata: metadata(meta::INDEX, Some(SYSTEM_NAMESPACE)),
        ..ConfigMap::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_onboarded_user_holds_through_the_latest_group_of_their_own() {
        let groups = |list: &[&str]| list.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>();
        let holder = |list: &[&str]| Holder::of("ana", &groups(list));
        assert_eq!(
            holder(&["onboard:ana:g2", "onboard:ana:g10", "x"]),
            Holder::Group("onboard:ana:g10".to_owned())
        );
        for other in [
            &["system:authenticated"][..],
            &["onboard:anabel:g1"],
            &["onboard:ana:g"],
        ] {
            assert_eq!(holder(other), Holder::User("ana".to_owned()));
        }
    }
}
