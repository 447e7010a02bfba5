//! Which traffic a namespace allows.

use clap::ValueEnum;
use k8s_openapi::api::networking::v1::NetworkPolicySpec;
use serde_json::json;

/// Which traffic a namespace allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Network {
    /// Same namespace and DNS only.
    #[default]
    Isolated,
    /// In from the same namespace, out to everywhere.
    Open,
    /// No policy.
    None,
}

impl Network {
    /// Returns the word that records keep.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Open => "open",
            Self::None => "none",
        }
    }

    /// Returns one line for people.
    #[must_use]
    pub fn summary(self) -> &'static str {
        match self {
            Self::Isolated => "same namespace and DNS allowed",
            Self::Open => "in from the same namespace, out to everywhere",
            Self::None => "no network policy",
        }
    }

    /// Returns the policy that cuts the namespace off from others, or none.
    ///
    /// `isolated` leaves the same namespace in both directions and DNS out; without DNS hardly
    /// any program starts.
    #[must_use]
    pub fn policy(self) -> Option<NetworkPolicySpec> {
        let same_namespace = json!([{"podSelector": {}}]);
        let dns = json!([{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]);
        let spec = match self {
            Self::None => return None,
            Self::Isolated => json!({
                "podSelector": {},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": same_namespace}],
                "egress": [{"to": same_namespace}, {"ports": dns}],
            }),
            Self::Open => json!({
                "podSelector": {},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": same_namespace}],
            }),
        };
        serde_json::from_value(spec).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_isolated_namespace_can_still_ask_dns() {
        let policy = Network::Isolated.policy().unwrap();
        assert_eq!(policy.egress.unwrap().len(), 2);
        assert_eq!(Network::Open.policy().unwrap().egress, None);
        assert_eq!(Network::None.policy(), None);
    }
}
