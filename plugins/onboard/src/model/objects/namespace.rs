//! The Kubernetes objects that a person gets.

use std::collections::BTreeMap;

use groundcrew::tenancy::POD_SECURITY;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Resource;
use serde::Serialize;

use crate::identity::UserName;
use crate::meta;
use crate::options::Network;
use crate::record::Settings;

mod binding;

pub use binding::{
    Binding, Holder, binding_name, check_subjects, claims_in_records, rebound, reheld, renewer,
    role_binding, wide_binding,
};

/// Name of the LimitRange and of the ResourceQuota.
pub const LIMITS: &str = "onboard";
/// Name of the NetworkPolicy.
pub const DEFAULT_DENY: &str = "default-deny";

/// Returns her namespace with everything that says it is hers, so that it is never seen bare.
#[must_use]
pub fn namespace(name: &str, user: &UserName, settings: &Settings) -> Namespace {
    let mut metadata = meta::object(name, None, user);
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(POD_SECURITY.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let annotations = metadata.annotations.get_or_insert_default();
    let stated = [
        (meta::TEAM, &settings.team),
        (meta::CONTACT, &settings.contact),
        (meta::PURPOSE, &settings.purpose),
    ];
    for (key, value) in stated {
        if let Some(value) = value {
            annotations.insert(key.to_owned(), value.clone());
        }
    }
    Namespace {
        metadata,
        ..Namespace::default()
    }
}

/// Returns the limits of `spec` as an object of hers.
#[must_use]
pub fn limit_range(spec: LimitRange, namespace: &str, user: &UserName) -> LimitRange {
    LimitRange {
        metadata: meta::object(LIMITS, Some(namespace), user),
        ..spec
    }
}

/// Returns the quota of `spec` as an object of hers.
#[must_use]
pub fn quota(spec: ResourceQuota, namespace: &str, user: &UserName) -> ResourceQuota {
    ResourceQuota {
        metadata: meta::object(LIMITS, Some(namespace), user),
        spec: spec.spec,
        status: None,
    }
}

/// Returns the policy that cuts the namespace off from others, or none for an open network.
///
/// `isolated` leaves the same namespace in both directions and DNS out; without DNS hardly any
/// program starts.
#[must_use]
pub fn network_policy(network: Network, namespace: &str, user: &UserName) -> Option<NetworkPolicy> {
    let spec = network.policy()?;
    Some(NetworkPolicy {
        metadata: meta::object(DEFAULT_DENY, Some(namespace), user),
        spec: Some(spec),
    })
}

/// Says whether an object needs no writing: it has the labels, annotations and exactly the spec of
/// `wanted`. Values that the server writes otherwise (`0.5` and `500m`) count as different.
#[must_use]
pub fn is_as_wanted<K>(found: &K, wanted: &K) -> bool
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let spec = |object: &K| {
        let mut value = serde_json::to_value(object).unwrap_or_default();
        value["spec"].take()
    };
    let (has, needs) = (found.meta(), wanted.meta());
    !lacks(needs.labels.as_ref(), has.labels.as_ref())
        && !lacks(needs.annotations.as_ref(), has.annotations.as_ref())
        && spec(found) == spec(wanted)
}

/// Says whether `found` lacks an entry of `wanted` or has it otherwise.
#[must_use]
pub fn lacks(
    wanted: Option<&BTreeMap<String, String>>,
    found: Option<&BTreeMap<String, String>>,
) -> bool {
    wanted.into_iter().flatten().any(|(key, value)| {
        found
            .and_then(|found| found.get(key))
            .is_none_or(|found| found != value)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alice() -> UserName {
        UserName::parse("alice").unwrap()
    }

    #[test]
    fn isolation_leaves_dns_and_the_same_namespace() {
        let policy = network_policy(Network::Isolated, "alice", &alice()).unwrap();
        let spec = serde_json::to_value(policy.spec.unwrap()).unwrap();
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(
            spec["egress"][1]["ports"][0],
            json!({"protocol": "UDP", "port": 53})
        );
        assert_eq!(spec["egress"][0]["to"], json!([{"podSelector": {}}]));
        assert_eq!(network_policy(Network::None, "alice", &alice()), None);
    }

    #[test]
    fn a_namespace_is_hers_from_its_first_moment() {
        let settings = Settings {
            team: Some("payments".into()),
            ..Settings::default()
        };
        let made = namespace("alice", &alice(), &settings);
        let annotations = made.metadata.annotations.unwrap();
        assert_eq!(annotations[meta::OWNER], "alice");
        assert_eq!(annotations[meta::TEAM], "payments");
        assert_eq!(
            made.metadata.labels.unwrap()["pod-security.kubernetes.io/enforce"],
            "baseline"
        );
    }
}
