//! The extra Service for the canary's pods alone.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::Value;

use crate::model::names::MANAGED_BY;
use crate::model::target::Target;

/// The label by which ReplicaSets' pods are told apart.
const HASH: &str = "pod-template-hash";

/// What the extra Service is called after the Deployment.
const SUFFIX: &str = "-rc-canary";

/// The longest name of a Service (RFC 1123 label).
const LONGEST: usize = 63;

/// The canary of a Deployment, as far as traffic is concerned.
#[derive(Clone, Debug)]
pub struct Canary {
    /// The namespace.
    pub namespace: String,
    /// The Deployment's name.
    pub deployment: String,
    /// The Deployment's UID.
    pub uid: String,
    /// The hash of the canary's ReplicaSet.
    pub hash: String,
    /// The field manager under which it is written.
    pub manager: String,
    /// The labels of the Deployment's pods, which a Service selects by.
    pub labels: BTreeMap<String, String>,
}

impl Canary {
    /// Returns the canary of a run, of which `set` is the ReplicaSet's hash. Only a label that both
    /// templates have selects the pods of both.
    #[must_use]
    pub fn of(target: &Target, uid: &str, (stable, canary): (&Value, &Value), hash: &str) -> Self {
        let labels = |template: &Value| template["metadata"]["labels"].clone();
        Self {
            namespace: target.namespace.clone(),
            deployment: target.name.clone(),
            uid: uid.to_owned(),
            hash: hash.to_owned(),
            manager: target.manager.clone(),
            labels: common(&labels(stable), &labels(canary)),
        }
    }

    /// Returns what may be left of an earlier canary of a Deployment, of which no record tells.
    #[must_use]
    pub fn left(target: &Target, deployment: &Value) -> Self {
        let labels = &deployment["spec"]["template"]["metadata"]["labels"];
        let uid = deployment["metadata"]["uid"].as_str().unwrap_or_default();
        Self {
            namespace: target.namespace.clone(),
            deployment: target.name.clone(),
            uid: uid.to_owned(),
            hash: String::new(),
            manager: target.manager.clone(),
            labels: common(labels, labels),
        }
    }

    /// Returns the name of the extra Service; `None` when it would be too long.
    #[must_use]
    pub fn service(&self) -> Option<String> {
        let name = name_of_extra(&self.deployment);
        (name.len() <= LONGEST).then_some(name)
    }

    /// Says whether a Service selects the Deployment's pods. One without a selector selects none.
    pub fn is_selected_by(&self, service: &Service) -> bool {
        let spec = service.spec.as_ref();
        let selector = spec.and_then(|spec| spec.selector.as_ref());
        let of_one_set = selector.is_some_and(|selector| selector.contains_key(HASH));
        !of_one_set && selects(service, &self.labels)
    }

    /// Returns the extra Service beside the user's: same selector and ports, this hash only.
    pub fn beside(&self, original: &Service, name: &str) -> Service {
        let spec = original.spec.clone().unwrap_or_default();
        let mut selector = spec.selector.unwrap_or_default();
        selector.insert(HASH.to_owned(), self.hash.clone());
        let ports = spec.ports.into_iter().flatten().map(|port| ServicePort {
            node_port: None,
            ..port
        });
        Service {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(self.namespace.clone()),
                annotations: Some(annotations(original)).filter(|found| !found.is_empty()),
                labels: Some(BTreeMap::from([(
                    "app.kubernetes.io/managed-by".to_owned(),
                    MANAGED_BY.1.to_owned(),
                )])),
                owner_references: Some(vec![OwnerReference {
                    api_version: "apps/v1".to_owned(),
                    kind: "Deployment".to_owned(),
                    name: self.deployment.clone(),
                    uid: self.uid.clone(),
                    controller: None,
                    block_owner_deletion: None,
                }]),
                ..ObjectMeta::default()
            },
            spec: Some(ServiceSpec {
                selector: Some(selector),
                ports: Some(ports.collect()),
                traffic_distribution: spec.traffic_distribution,
                session_affinity: spec.session_affinity,
                session_affinity_config: spec.session_affinity_config,
                ..ServiceSpec::default()
            }),
            status: None,
        }
    }

    /// Says whether a Service that is there is the one made for this Deployment.
    pub fn owns(&self, service: &Service) -> bool {
        let owners = service.metadata.owner_references.iter().flatten();
        owners.into_iter().any(|owner| owner.uid == self.uid)
    }

    /// Says whether a Service that is there selects this canary's pods and no others.
    pub fn is_current(&self, service: &Service) -> bool {
        let selector = service
            .spec
            .as_ref()
            .and_then(|spec| spec.selector.as_ref());
        selector.and_then(|selector| selector.get(HASH)) == Some(&self.hash)
    }
}

/// Prefixes of annotations by which gateways and proxies are told how to speak to a Service's pods.
/// Others are left out: one of external-dns or of a cloud's load balancer would make something.
const FOR_PROXIES: [&str; 7] = [
    "traefik.ingress.kubernetes.io/",
    "projectcontour.io/",
    "konghq.com/",
    "haproxy.org/",
    "cloud.google.com/app-protocols",
    "cloud.google.com/backend-config",
    "service.kubernetes.io/topology-",
];

/// Returns the annotations of a Service that say how its pods are spoken to.
fn annotations(original: &Service) -> BTreeMap<String, String> {
    let all = original.metadata.annotations.iter().flatten();
    all.filter(|(key, _)| FOR_PROXIES.iter().any(|prefix| key.starts_with(prefix)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Returns what the extra Service of a Deployment is called.
pub fn name_of_extra(deployment: &str) -> String {
    format!("{deployment}{SUFFIX}")
}

fn common(stable: &Value, canary: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stable = stable.as_object().into_iter().flatten();
    stable
        .filter(|(key, value)| canary[key.as_str()] == **value)
        .map(|(key, value)| (key.clone(), text(value)))
        .collect()
}

/// Says whether a Service selects pods with these labels. One without a selector selects none.
#[must_use]
pub fn selects(service: &Service, labels: &BTreeMap<String, String>) -> bool {
    let spec = service.spec.as_ref();
    let selector = spec.and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| {
        !selector.is_empty()
            && selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canary() -> Canary {
        let labels = |version| json!({"app": "web", "tier": "front", "version": version});
        Canary {
            namespace: "shop".to_owned(),
            deployment: "web".to_owned(),
            uid: "u1".to_owned(),
            hash: "7b9c".to_owned(),
            manager: "m".to_owned(),
            labels: common(&labels("1"), &labels("2")),
        }
    }

    fn service(spec: serde_json::Value) -> Service {
        serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": spec})).unwrap()
    }

    #[test]
    fn a_service_selects_the_pods_when_every_label_matches() {
        let selects = |selector| canary().is_selected_by(&service(json!({"selector": selector})));
        assert!(selects(json!({"app": "web"})));
        assert!(!selects(json!({"app": "web", "tier": "back"})));
        assert!(
            !selects(json!({"version": "1"})),
            "the canary's pods are not in it"
        );
        assert!(!selects(json!({})), "its endpoints are made by hand");
        assert!(!selects(json!({"app": "web", "pod-template-hash": "5d4f"})));
    }

    #[test]
    fn the_extra_service_has_the_same_ports_and_the_canarys_hash() {
        let original = service(json!({
            "selector": {"app": "web"}, "type": "NodePort", "clusterIP": "10.0.0.9",
            "ports": [{"name": "grpc", "port": 80, "targetPort": "http", "nodePort": 30080, "appProtocol": "kubernetes.io/h2c"}],
        }));
        let extra = canary().beside(&original, "web-rc-canary");
        let extra = serde_json::to_value(extra).unwrap();
        assert_eq!(
            extra["spec"],
            json!({
                "selector": {"app": "web", "pod-template-hash": "7b9c"},
                "ports": [{"name": "grpc", "port": 80, "targetPort": "http", "appProtocol": "kubernetes.io/h2c"}],
            })
        );
        assert_eq!(extra["metadata"]["ownerReferences"][0]["uid"], "u1");
    }

    #[test]
    fn the_extra_service_keeps_what_proxies_are_told_and_nothing_that_makes_something() {
        let mut original = service(
            json!({"selector": {"app": "web"}, "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}}),
        );
        let all = [
            ("traefik.ingress.kubernetes.io/service.serversscheme", "h2c"),
            ("external-dns.alpha.kubernetes.io/hostname", "shop.example"),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ];
        let all = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
        original.metadata.annotations = Some(all.into());
        let extra = serde_json::to_value(canary().beside(&original, "web-rc-canary")).unwrap();
        assert_eq!(
            extra["metadata"]["annotations"],
            json!({"traefik.ingress.kubernetes.io/service.serversscheme": "h2c"})
        );
        assert_eq!(extra["spec"]["sessionAffinity"], "ClientIP");
    }

    #[test]
    fn a_name_that_would_be_too_long_for_a_service_is_none() {
        let mut canary = canary();
        assert_eq!(canary.service().as_deref(), Some("web-rc-canary"));
        canary.deployment = "x".repeat(54);
        assert_eq!(canary.service(), None);
    }
}
