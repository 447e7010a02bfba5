//! The Kubernetes objects that a person gets.

use groundcrew::tenancy::{Network, POD_SECURITY};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::model::labels;
use crate::model::settings::Settings;
use crate::model::user::UserName;

/// Name of the LimitRange and of the ResourceQuota.
pub const LIMITS: &str = "onboard";

/// Name of the NetworkPolicy.
pub const DEFAULT_DENY: &str = "default-deny";

/// Returns the user's namespace with everything that says it is their own, so that it is never seen
/// bare.
#[must_use]
pub fn namespace(name: &str, user: &UserName, settings: &Settings) -> Namespace {
    let mut metadata = labels::object(name, None, user);
    let labels = metadata.labels.get_or_insert_default();
    labels.extend(POD_SECURITY.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let annotations = metadata.annotations.get_or_insert_default();
    let stated = [
        (labels::TEAM, &settings.team),
        (labels::CONTACT, &settings.contact),
        (labels::PURPOSE, &settings.purpose),
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

/// Returns the limits of `spec` as an object of the user's.
#[must_use]
pub fn limit_range(spec: LimitRange, namespace: &str, user: &UserName) -> LimitRange {
    LimitRange {
        metadata: labels::object(LIMITS, Some(namespace), user),
        ..spec
    }
}

/// Returns the quota of `spec` as an object of the user's.
#[must_use]
pub fn quota(spec: ResourceQuota, namespace: &str, user: &UserName) -> ResourceQuota {
    ResourceQuota {
        metadata: labels::object(LIMITS, Some(namespace), user),
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
        metadata: labels::object(DEFAULT_DENY, Some(namespace), user),
        spec: Some(spec),
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
        let policy =
            network_policy(groundcrew::tenancy::Network::Isolated, "alice", &alice()).unwrap();
        let spec = serde_json::to_value(policy.spec.unwrap()).unwrap();
        assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(
            spec["egress"][1]["ports"][0],
            json!({"protocol": "UDP", "port": 53})
        );
        assert_eq!(spec["egress"][0]["to"], json!([{"podSelector": {}}]));
        assert_eq!(
            network_policy(groundcrew::tenancy::Network::None, "alice", &alice()),
            None
        );
    }

    #[test]
    fn a_namespace_is_theirs_from_its_first_moment() {
        let settings = Settings {
            team: Some("payments".into()),
            ..Settings::default()
        };
        let made = namespace("alice", &alice(), &settings);
        let annotations = made.metadata.annotations.unwrap();
        assert_eq!(annotations[labels::OWNER], "alice");
        assert_eq!(annotations[labels::TEAM], "payments");
        assert_eq!(
            made.metadata.labels.unwrap()["pod-security.kubernetes.io/enforce"],
            "baseline"
        );
    }
}
