//! Routers that are only named.

use serde_json::Value;

/// A kind of router that can send requests to a Service.
pub struct Other {
    pub group: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    /// Where a Service's name stands in it.
    key: &'static str,
}

/// Those that are looked for.
pub const OTHERS: [Other; 8] = [
    Other {
        group: "networking.istio.io",
        kind: "VirtualService",
        plural: "virtualservices",
        key: "host",
    },
    Other {
        group: "networking.k8s.io",
        kind: "Ingress",
        plural: "ingresses",
        key: "name",
    },
    Other {
        group: "gateway.networking.k8s.io",
        kind: "TCPRoute",
        plural: "tcproutes",
        key: "name",
    },
    Other {
        group: "gateway.networking.k8s.io",
        kind: "TLSRoute",
        plural: "tlsroutes",
        key: "name",
    },
    Other {
        group: "gateway.networking.k8s.io",
        kind: "UDPRoute",
        plural: "udproutes",
        key: "name",
    },
    Other {
        group: "split.smi-spec.io",
        kind: "TrafficSplit",
        plural: "trafficsplits",
        key: "service",
    },
    Other {
        group: "traefik.io",
        kind: "IngressRoute",
        plural: "ingressroutes",
        key: "name",
    },
    Other {
        group: "traefik.io",
        kind: "TraefikService",
        plural: "traefikservices",
        key: "name",
    },
];

impl Other {
    /// Says whether an object's specification sends requests to a Service of its namespace, by its
    /// short or its full name.
    pub fn mentions(&self, spec: &Value, service: &str, namespace: &str) -> bool {
        let is_it = |text: &str| {
            text == service
                || text
                    .strip_prefix(service)
                    .and_then(|rest| rest.strip_prefix('.'))
                    .is_some_and(|rest| {
                        rest == namespace || rest.starts_with(&format!("{namespace}."))
                    })
        };
        match spec {
            Value::Object(fields) => fields.iter().any(|(key, value)| {
                (key == self.key && value.as_str().is_some_and(is_it))
                    || self.mentions(value, service, namespace)
            }),
            Value::Array(items) => items
                .iter()
                .any(|item| self.mentions(item, service, namespace)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_found_by_its_short_and_its_full_name() {
        let istio = &OTHERS[0];
        let to = |host: &str| json!({"http": [{"route": [{"destination": {"host": host}}]}]});
        let found = |host: &str| istio.mentions(&to(host), "web", "shop");
        assert!(found("web") && found("web.shop") && found("web.shop.svc.cluster.local"));
        assert!(!found("web2") && !found("web.other") && !found("web.shopping"));
        let ingress =
            json!({"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}]});
        assert!(OTHERS[1].mentions(&ingress, "web", "shop"));
    }
}
