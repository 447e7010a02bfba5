//! What stands around a Deployment: read for a plan, every part of it on its own, so that what may
//! not be read is named and the rest is still seen.

use futures::future::join_all;
use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::write::status;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota, Secret, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use crate::model::findings::Around;
use crate::model::object::text;

/// Kinds of objects that lead traffic to Services.
const ROUTES: [(&str, &str, &str, &str); 6] = [
    ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
    ("gateway.networking.k8s.io", "v1", "GRPCRoute", "grpcroutes"),
    ("networking.k8s.io", "v1", "Ingress", "ingresses"),
    (
        "networking.istio.io",
        "v1",
        "VirtualService",
        "virtualservices",
    ),
    ("traefik.io", "v1alpha1", "IngressRoute", "ingressroutes"),
    (
        "traefik.io",
        "v1alpha1",
        "TraefikService",
        "traefikservices",
    ),
];

/// Reads everything.
pub async fn around(session: &Session, namespace: &str, template: &Value) -> Around {
    let mut around = Around::default();
    let client = || session.client.clone();
    let params = ListParams::default();
    let services = Api::<Service>::namespaced(client(), namespace);
    let autoscalers = Api::<HorizontalPodAutoscaler>::namespaced(client(), namespace);
    let budgets = Api::<PodDisruptionBudget>::namespaced(client(), namespace);
    let quotas = Api::<ResourceQuota>::namespaced(client(), namespace);
    let routes = join_all(
        ROUTES
            .iter()
            .map(|route| routes_of(session, namespace, route)),
    );
    let (services, autoscalers, budgets, quotas, routes, configs) = futures::join!(
        services.list(&params),
        autoscalers.list(&params),
        budgets.list(&params),
        quotas.list(&params),
        routes,
        configs(session, namespace, template),
    );
    let mut unseen = Vec::new();
    let mut note = |error: kube::Error, resource: &'static str| {
        let error = explain(error, &Doing::new("list", resource).within(namespace));
        unseen.push(format!("{resource}: {error}"));
    };
    match services {
        Ok(list) => around.services = list.items,
        Err(error) => note(error, "services"),
    }
    match autoscalers {
        Ok(list) => around.autoscalers = list.items,
        Err(error) => note(error, "horizontalpodautoscalers.autoscaling"),
    }
    match budgets {
        Ok(list) => around.budgets = list.items,
        Err(error) => note(error, "poddisruptionbudgets.policy"),
    }
    match quotas {
        Ok(list) => around.quotas = list.items,
        Err(error) => note(error, "resourcequotas"),
    }
    for (found, (_, _, _, plural)) in routes.into_iter().zip(ROUTES) {
        match found {
            Ok(found) => around.routes.extend(found),
            Err(error) => note(error, plural),
        }
    }
    for found in configs {
        match found {
            Ok(found) => around.configs.push(found),
            Err(error) => note(error, "configmaps and secrets"),
        }
    }
    around.unseen = unseen;
    around
}

/// Lists one kind of route; a kind that is not installed has none.
async fn routes_of(
    session: &Session,
    namespace: &str,
    (group, version, kind, plural): &(&str, &str, &str, &str),
) -> kube::Result<Vec<Value>> {
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let api: Api<DynamicObject> =
        Api::namespaced_with(session.client.clone(), namespace, &resource);
    match api.list(&ListParams::default()).await {
        Ok(list) => Ok(list
            .items
            .iter()
            .filter_map(|item| {
                let mut json = serde_json::to_value(item).ok()?;
                // Items of a list come without their kind.
                json["kind"] = kind.kind.clone().into();
                Some(json)
            })
            .collect()),
        Err(error) if status(&error).is_some_and(|status| status.code == 404) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

type Config = (String, Option<jiff::Timestamp>);

/// Reads when the ConfigMaps and Secrets that a template names were last written; never their
/// contents.
async fn configs(
    session: &Session,
    namespace: &str,
    template: &Value,
) -> Vec<kube::Result<Config>> {
    let (maps, secrets) = named(template);
    let map_api = Api::<ConfigMap>::namespaced(session.client.clone(), namespace);
    let secret_api = Api::<Secret>::namespaced(session.client.clone(), namespace);
    let last = |metadata: kube::core::ObjectMeta| {
        let times = metadata.managed_fields.into_iter().flatten();
        times
            .filter_map(|entry| entry.time)
            .map(|time| time.0)
            .max()
    };
    let maps = maps.iter().map(async |name: &String| {
        let found = map_api.get_metadata_opt(name).await?;
        let time = found.and_then(|found| last(found.metadata));
        Ok((format!("configmap/{name}"), time))
    });
    let secrets = secrets.iter().map(async |name: &String| {
        let found = secret_api.get_metadata_opt(name).await?;
        let time = found.and_then(|found| last(found.metadata));
        Ok((format!("secret/{name}"), time))
    });
    let (mut maps, secrets) = futures::join!(join_all(maps), join_all(secrets));
    maps.extend(secrets);
    maps
}

/// Returns the names of ConfigMaps and of Secrets in a template, each once.
#[must_use]
pub fn named(template: &Value) -> (Vec<String>, Vec<String>) {
    let (mut maps, mut secrets) = (Vec::new(), Vec::new());
    collect(&template["spec"], &mut maps, &mut secrets);
    for names in [&mut maps, &mut secrets] {
        names.sort_unstable();
        names.dedup();
    }
    (maps, secrets)
}

fn collect(value: &Value, maps: &mut Vec<String>, secrets: &mut Vec<String>) {
    if let Some(list) = value.as_array() {
        for item in list {
            collect(item, maps, secrets);
        }
    }
    let Some(object) = value.as_object() else {
        return;
    };
    for (key, inner) in object {
        match key.as_str() {
            "configMapRef" | "configMapKeyRef" | "configMap" => {
                maps.extend(inner["name"].as_str().map(str::to_owned));
            }
            "secretRef" | "secretKeyRef" => {
                secrets.extend(inner["name"].as_str().map(str::to_owned));
            }
            "secret" => {
                let name = [&inner["secretName"], &inner["name"]].map(text);
                let name = name.into_iter().find(|name| !name.is_empty());
                secrets.extend(name.map(str::to_owned));
            }
            _ => {}
        }
        collect(inner, maps, secrets);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_name_a_config_is_found_once() {
        let template = json!({"spec": {
            "volumes": [{"configMap": {"name": "a"}}, {"secret": {"secretName": "s"}},
                        {"projected": {"sources": [{"configMap": {"name": "b"}},
                                                   {"secret": {"name": "t"}}]}}],
            "containers": [{"envFrom": [{"configMapRef": {"name": "a"}}],
                            "env": [{"valueFrom": {"secretKeyRef": {"name": "s"}}}]}]}});
        let (maps, secrets) = named(&template);
        assert_eq!(maps, ["a", "b"]);
        assert_eq!(secrets, ["s", "t"]);
    }
}
