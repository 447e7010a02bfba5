//! What stands around a Deployment: read for a plan, every part of it on its own, so that what may
//! not be read is named and the rest is still seen.

use futures::future::join_all;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::finding::{Unseen, reason};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, ResourceQuota, Secret, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use crate::model::findings::owners;
use crate::model::findings::question::{Around, Keeper, Neighbor, Place};
use crate::model::object::text;
use crate::model::quota;

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

/// Reads everything, or what can block a canary or is worth a word before it.
pub async fn around(
    session: &Session,
    namespace: &str,
    (deployment, template): (&Value, &Value),
    everything: bool,
) -> Around {
    let here = session.in_(namespace);
    let (services, autoscalers) = (here.of::<Service>(), here.of::<HorizontalPodAutoscaler>());
    let (budgets, quotas) = (here.of::<PodDisruptionBudget>(), here.of::<ResourceQuota>());
    let routes = join_all(
        ROUTES
            .iter()
            .filter(|_| everything)
            .map(|route| routes_of(session, namespace, route)),
    );
    let others = here.of::<Deployment>();
    let (
        services_found,
        autoscalers_found,
        budgets_found,
        quotas_found,
        routes,
        configs,
        others_found,
        owners,
    ) = futures::join!(
        services.list(),
        autoscalers.list(),
        async {
            if everything {
                budgets.list().await
            } else {
                Ok(Vec::new())
            }
        },
        quotas.list(),
        routes,
        configs(session, namespace, template),
        async {
            if everything {
                others.list().await
            } else {
                Ok(Vec::new())
            }
        },
        keepers(session, deployment),
    );
    let mut unseen = Vec::new();
    let mut around = Around {
        services: seen(services_found, services.resource(), &mut unseen),
        autoscalers: seen(autoscalers_found, autoscalers.resource(), &mut unseen),
        budgets: seen(budgets_found, budgets.resource(), &mut unseen),
        quotas: seen(quotas_found, quotas.resource(), &mut unseen),
        has_budgets: everything,
        owners,
        ..Around::default()
    };
    let deployments = seen(others_found, others.resource(), &mut unseen);
    around.deployments = deployments
        .into_iter()
        .filter_map(|found| {
            let spec = found.spec?;
            Some(Neighbor {
                name: found.metadata.name?,
                selector: spec.selector,
                labels: spec.template.metadata.and_then(|data| data.labels)?,
                replicas: spec.replicas.unwrap_or(1),
            })
        })
        .collect();
    around.ranges = ranges(session, namespace, template, &around.quotas, &mut unseen).await;
    for (found, (group, _, _, plural)) in routes.into_iter().zip(ROUTES) {
        let resource = format!("{plural}.{group}");
        around.routes.extend(seen(found, &resource, &mut unseen));
    }
    for found in configs {
        let one = found.map(|config| vec![config]);
        around
            .configs
            .extend(seen(one, "configmaps and secrets", &mut unseen));
    }
    Around { unseen, ..around }
}

/// Reads limit ranges, where there is a quota and a container says less than a quota may want.
async fn ranges(
    session: &Session,
    namespace: &str,
    template: &Value,
    quotas: &[ResourceQuota],
    unseen: &mut Vec<Unseen>,
) -> Vec<LimitRange> {
    if quotas.is_empty() || !quota::is_open(template) {
        return Vec::new();
    }
    let ranges = session.in_(namespace).of::<LimitRange>();
    seen(ranges.list().await, ranges.resource(), unseen)
}

/// Reads what can keep a canary from being promoted.
pub async fn before_promotion(session: &Session, namespace: &str, template: &Value) -> Around {
    let here = session.in_(namespace);
    let (services, quotas) = (here.of::<Service>(), here.of::<ResourceQuota>());
    let (services_found, quotas_found) = futures::join!(services.list(), quotas.list());
    let mut unseen = Vec::new();
    let quotas = seen(quotas_found, quotas.resource(), &mut unseen);
    Around {
        services: seen(services_found, services.resource(), &mut unseen),
        ranges: ranges(session, namespace, template, &quotas, &mut unseen).await,
        quotas,
        unseen,
        ..Around::default()
    }
}

/// Reads the object of a GitOps tool that keeps a Deployment. Where the tool runs in another cluster,
/// there is none here; what may not be read is there without its content.
async fn keepers(session: &Session, deployment: &Value) -> Vec<Keeper> {
    let Some(place) = owners::place(deployment) else {
        return Vec::new();
    };
    let dynamic =
        |group: &str, version: &str, kind: &str, plural: &str, namespace: Option<&str>| {
            let gvk = GroupVersionKind::gvk(group, version, kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
            session.cluster().dynamic(&resource, namespace)
        };
    let found = match &place {
        Place::Application(name) => {
            let all = dynamic(
                "argoproj.io",
                "v1alpha1",
                "Application",
                "applications",
                None,
            );
            let params = ListParams::default().fields(&format!("metadata.name={name}"));
            all.list_by(&params)
                .await
                .ok()
                .and_then(|list| list.into_iter().next())
        }
        Place::Kustomization(namespace, name) => {
            let group = "kustomize.toolkit.fluxcd.io";
            let all = dynamic(
                group,
                "v1",
                "Kustomization",
                "kustomizations",
                Some(namespace),
            );
            all.find(name).await.ok().flatten()
        }
        Place::HelmRelease(namespace, name) => {
            let group = "helm.toolkit.fluxcd.io";
            let all = dynamic(group, "v2", "HelmRelease", "helmreleases", Some(namespace));
            all.find(name).await.ok().flatten()
        }
    };
    let object = found.and_then(|object| serde_json::to_value(object).ok());
    vec![Keeper {
        what: place,
        object,
    }]
}

/// Returns what was read, and notes why it could not be.
fn seen<T>(found: Result<Vec<T>>, resource: &str, unseen: &mut Vec<Unseen>) -> Vec<T> {
    found.unwrap_or_else(|error| {
        unseen.push(Unseen::new(resource, reason(&error)));
        Vec::new()
    })
}

/// Lists one kind of route; a kind that is not installed has none.
async fn routes_of(
    session: &Session,
    namespace: &str,
    (group, version, kind, plural): &(&str, &str, &str, &str),
) -> Result<Vec<Value>> {
    let kind = GroupVersionKind::gvk(group, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, plural);
    let routes = session.cluster().dynamic(&resource, Some(namespace));
    match routes.list().await {
        Ok(list) => Ok(list
            .iter()
            .filter_map(|item| {
                let mut json = serde_json::to_value(item).ok()?;
                // Items of a list come without their kind.
                json["kind"] = kind.kind.clone().into();
                Some(json)
            })
            .collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

type Config = (String, Option<jiff::Timestamp>);

/// Reads when the ConfigMaps and Secrets that a template names were last written; never their
/// contents.
async fn configs(session: &Session, namespace: &str, template: &Value) -> Vec<Result<Config>> {
    let (maps, secrets) = named(template);
    let here = session.in_(namespace);
    let (all_maps, all_secrets) = (here.of::<ConfigMap>(), here.of::<Secret>());
    let last = |metadata: kube::core::ObjectMeta| {
        let times = metadata.managed_fields.into_iter().flatten();
        times
            .filter_map(|entry| entry.time)
            .map(|time| time.0)
            .max()
    };
    let maps = maps.iter().map(async |name: &String| {
        let found = all_maps.api().get_metadata_opt(name).await;
        let found = found.map_err(|error| all_maps.explain("get", name, error))?;
        let time = found.and_then(|found| last(found.metadata));
        Ok((format!("configmap/{name}"), time))
    });
    let secrets = secrets.iter().map(async |name: &String| {
        let found = all_secrets.api().get_metadata_opt(name).await;
        let found = found.map_err(|error| all_secrets.explain("get", name, error))?;
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
