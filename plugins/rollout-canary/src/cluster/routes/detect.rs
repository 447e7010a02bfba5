//! Which routes lead to the pods.

use groundcrew::client::Session;
use groundcrew::client::errors::failed;
use groundcrew::error::Result;
use groundcrew::finding::{Unseen, reason};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::core::{ApiResource, GroupVersionKind};
use serde::Serialize;
use serde_json::Value;

use crate::model::traffic::Backends;
use crate::model::traffic::others::OTHERS;
use crate::model::traffic::route::{
    RouteKind, RouteRef, is_service, keeps_sessions, rules, served,
};
use crate::model::traffic::service::Canary;

/// The Gateway API's group.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detection {
    /// What can be used; `None` means that the canary has what its pods have.
    pub target: Option<Backends>,
    /// Why there is no target, or nothing.
    pub why: Option<String>,
    /// The Services that select the pods.
    pub services: Vec<String>,
    /// Other routers that lead to one of them, such as `VirtualService/web`.
    pub others: Vec<String>,
    /// Routes that keep their clients on one backend.
    pub sticky: Vec<String>,
    /// Whether routes of other namespaces may not be read.
    pub only_here: bool,
    /// What could not be looked at, in the server's words.
    pub unseen: Vec<Unseen>,
}

/// Looks for routes of other namespaces that lead here: a share that one of this namespace gives is not
/// one of theirs. Who may not list them all is told that they are not known.
async fn elsewhere(session: &Session, here: &str, versions: &[String], found: &mut Detection) {
    for kind in RouteKind::ALL {
        let what = (GROUP, kind.as_str(), plural(kind));
        let Ok((_, objects)) = list(session, None, what, versions).await else {
            found.only_here = true;
            return;
        };
        let leads = |object: &&Value| {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            namespace != here
                && rules(object)
                    .flat_map(|(_, backends)| backends)
                    .any(|backend| {
                        backend["namespace"] == here
                            && found
                                .services
                                .iter()
                                .any(|name| is_service(backend, here, name))
                    })
        };
        let names: Vec<String> = objects
            .iter()
            .filter(leads)
            .map(|object| {
                let text = |key: &str| object["metadata"][key].as_str().unwrap_or_default();
                format!(
                    "{}/{} of namespace {}",
                    kind.as_str(),
                    text("name"),
                    text("namespace")
                )
            })
            .collect();
        found.others.extend(names);
    }
}

/// Policies that target a Service by its name: group, kind, plural.
const POLICIES: [(&str, &str, &str); 2] = [
    (GROUP, "BackendTLSPolicy", "backendtlspolicies"),
    (
        "gateway.networking.x-k8s.io",
        "XBackendTrafficPolicy",
        "xbackendtrafficpolicies",
    ),
];

/// Returns a policy that targets a Service by its name.
async fn policy(
    session: &Session,
    namespace: &str,
    service: &str,
    groups: &[APIGroup],
    found: &mut Detection,
) -> Option<String> {
    for (group, kind, plural) in POLICIES {
        let versions = versions(groups, group);
        match list(session, Some(namespace), (group, kind, plural), &versions).await {
            Ok((_, objects)) => {
                let targets = |object: &&Value| {
                    let refs = object["spec"]["targetRefs"].as_array();
                    let is =
                        |target: &Value| target["kind"] == "Service" && target["name"] == service;
                    refs.into_iter().flatten().any(is)
                };
                if let Some(object) = objects.iter().find(targets) {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    return Some(format!("{}/{name}", kind.to_lowercase()));
                }
            }
            Err(why) => found.unseen.push(why),
        }
    }
    None
}

/// Looks for routes in the Deployment's namespace. What may not be read is in
/// [`unseen`](Detection::unseen) and never taken for nothing.
///
/// # Errors
///
/// When Services or the list of API groups cannot be read.
pub async fn detect(session: &Session, canary: &Canary) -> Result<Detection> {
    let namespace = canary.namespace.as_str();
    let all = session.in_(namespace).of::<Service>().list().await?;
    let selecting: Vec<String> = all
        .iter()
        .filter(|service| canary.is_selected_by(service))
        .filter_map(|service| service.metadata.name.clone())
        .collect();
    let mut found = Detection {
        target: None,
        why: None,
        services: selecting,
        others: Vec::new(),
        sticky: Vec::new(),
        only_here: false,
        unseen: Vec::new(),
    };
    if found.services.is_empty() {
        found.why = Some("no Service selects the pods".to_owned());
        return Ok(found);
    }
    let groups = groups(session).await?;
    let versions = |name: &str| versions(&groups, name);
    let routes = read_routes(session, namespace, &versions(GROUP), &mut found.unseen).await;
    let sticky: Vec<RouteRef> = routes
        .iter()
        .filter(|(_, object)| keeps_sessions(object))
        .map(|(route, _)| route.clone())
        .collect();
    let routes = routes
        .into_iter()
        .map(|(route, object)| (route, served(&object)))
        .collect();
    for other in OTHERS {
        let listed = list(
            session,
            Some(namespace),
            (other.group, other.kind, other.plural),
            &versions(other.group),
        )
        .await;
        match listed {
            Ok((_, objects)) => found.others.extend(objects.iter().filter_map(|object| {
                let spec = &object["spec"];
                let mut services = found.services.iter();
                let hit = services.any(|service| other.mentions(spec, service, namespace));
                let name = object["metadata"]["name"].as_str()?;
                hit.then(|| format!("{}/{name}", other.kind))
            })),
            Err(why) => found.unseen.push(why),
        }
    }
    elsewhere(session, namespace, &versions(GROUP), &mut found).await;
    choose(&mut found, canary, routes, !versions(GROUP).is_empty());
    if let Some(target) = &found.target {
        let used = sticky.iter().filter(|route| target.routes.contains(route));
        found.sticky = used.map(ToString::to_string).collect();
        let service = target.service.clone();
        // A gateway speaks to the extra Service as to any other: what a policy says of the user's
        // Service by its name would not hold for the canary's requests.
        if let Some(policy) = policy(session, namespace, &service, &groups, &mut found).await {
            found.target = None;
            found.why = Some(format!(
                "{policy} targets service/{service} by name, and would not hold for the extra Service \
                 of the canary"
            ));
        }
    }
    Ok(found)
}

/// Returns every route of a namespace as it is, and `None` where the cluster has no Gateway API; what
/// may not be read goes to `unseen`.
///
/// # Errors
///
/// When the list of API groups cannot be read.
pub async fn all_routes(
    session: &Session,
    namespace: &str,
    unseen: &mut Vec<Unseen>,
) -> Result<Option<Vec<(RouteRef, Value)>>> {
    let versions = versions(&groups(session).await?, GROUP);
    if versions.is_empty() {
        return Ok(None);
    }
    Ok(Some(
        read_routes(session, namespace, &versions, unseen).await,
    ))
}

async fn groups(session: &Session) -> Result<Vec<APIGroup>> {
    let listed = session.client.list_api_groups().await;
    listed
        .map(|list| list.groups)
        .map_err(failed("list", "API groups"))
}

fn versions(groups: &[APIGroup], name: &str) -> Vec<String> {
    let group = groups.iter().find(|group| group.name == name);
    let versions = group.into_iter().flat_map(|group| &group.versions);
    versions.map(|version| version.version.clone()).collect()
}

async fn read_routes(
    session: &Session,
    namespace: &str,
    versions: &[String],
    unseen: &mut Vec<Unseen>,
) -> Vec<(RouteRef, Value)> {
    let mut routes = Vec::new();
    for kind in RouteKind::ALL {
        match routes_of(session, namespace, kind, versions).await {
            Ok(read) => routes.extend(read),
            Err(why) => unseen.push(why),
        }
    }
    routes
}

/// Chooses the one Service that routes lead to.
fn choose(
    found: &mut Detection,
    canary: &Canary,
    routes: Vec<(RouteRef, Vec<String>)>,
    has_gateway: bool,
) {
    let leads = |route: &Vec<String>, service: &String| route.contains(service);
    let led: Vec<&String> = found
        .services
        .iter()
        .filter(|service| routes.iter().any(|(_, to)| leads(to, service)))
        .collect();
    let (service, extra) = match (&led[..], canary.service()) {
        ([], _) => {
            found.why = Some(if !has_gateway {
                "the cluster has no Gateway API".to_owned()
            } else if found.unseen.is_empty() {
                format!(
                    "no route in {} leads to {}",
                    canary.namespace,
                    found.services.join(", ")
                )
            } else {
                "no readable route leads to the pods".to_owned()
            });
            return;
        }
        ([service], Some(extra)) => ((*service).clone(), extra),
        ([_], None) => {
            found.why = Some(format!(
                "the name of deployment/{} is too long for another Service",
                canary.deployment
            ));
            return;
        }
        (several, _) => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            found.why = Some(format!(
                "routes lead to more than one Service of these pods: {}",
                names.join(", ")
            ));
            return;
        }
    };
    found.target = Some(Backends {
        routes: routes
            .into_iter()
            .filter(|(_, to)| leads(to, &service))
            .map(|(route, _)| route)
            .collect(),
        service,
        extra,
    });
}

/// Returns the routes of one kind.
async fn routes_of(
    session: &Session,
    namespace: &str,
    kind: RouteKind,
    versions: &[String],
) -> std::result::Result<Vec<(RouteRef, Value)>, Unseen> {
    let what = (GROUP, kind.as_str(), plural(kind));
    let (version, objects) = list(session, Some(namespace), what, versions).await?;
    let route = |object: Value| {
        let text = |key: &str| {
            object["metadata"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        let route = RouteRef {
            kind,
            version: version.clone(),
            namespace: namespace.to_owned(),
            name: text("name"),
            uid: text("uid"),
        };
        (route, object)
    };
    Ok(objects.into_iter().map(route).collect())
}

pub fn plural(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Http => "httproutes",
        RouteKind::Grpc => "grpcroutes",
    }
}

/// Lists the objects of a kind in the first version that serves it, in the server's order of
/// preference; nothing when none does.
async fn list(
    session: &Session,
    namespace: Option<&str>,
    (group, kind, plural): (&'static str, &str, &'static str),
    versions: &[String],
) -> std::result::Result<(String, Vec<Value>), Unseen> {
    for version in versions {
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
        let objects = session.cluster().dynamic(&resource, namespace);
        match objects.list().await {
            Ok(objects) => {
                let values = objects.into_iter().map(serde_json::to_value);
                let values = values.collect::<std::result::Result<_, _>>();
                let why = |error: serde_json::Error| Unseen::new(plural, error.to_string());
                return Ok((version.clone(), values.map_err(why)?));
            }
            // Not in this version of the group.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(Unseen::new(objects.resource(), reason(&error))),
        }
    }
    Ok((String::new(), Vec::new()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn canary(name: &str) -> Canary {
        Canary {
            namespace: "shop".to_owned(),
            deployment: name.to_owned(),
            uid: "u".to_owned(),
            hash: "h".to_owned(),
            manager: "m".to_owned(),
            labels: BTreeMap::new(),
        }
    }

    fn route(name: &str, to: &[&str]) -> (RouteRef, Vec<String>) {
        let route = RouteRef {
            kind: RouteKind::Http,
            version: "v1".to_owned(),
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: String::new(),
        };
        (route, to.iter().map(|&name| name.to_owned()).collect())
    }

    fn chosen(name: &str, routes: Vec<(RouteRef, Vec<String>)>, unseen: &[&str]) -> Detection {
        let mut found = Detection {
            target: None,
            why: None,
            services: vec!["web".to_owned(), "web-internal".to_owned()],
            others: Vec::new(),
            sticky: Vec::new(),
            only_here: false,
            unseen: unseen
                .iter()
                .map(|why| Unseen::new("routes", *why))
                .collect(),
        };
        choose(&mut found, &canary(name), routes, true);
        found
    }

    #[test]
    fn every_route_to_the_one_service_is_used() {
        let routes = vec![
            route("a", &["web"]),
            route("b", &["api"]),
            route("c", &["api", "web"]),
        ];
        let target = chosen("web", routes, &[]).target.unwrap();
        let names: Vec<&str> = target
            .routes
            .iter()
            .map(|route| route.name.as_str())
            .collect();
        assert_eq!((target.service.as_str(), names), ("web", vec!["a", "c"]));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let why = |routes, unseen: &[&str]| chosen("web", routes, unseen).why.unwrap();
        assert!(why(vec![route("a", &["api"])], &[]).contains("no route in shop leads to web"));
        assert!(why(Vec::new(), &["403"]).contains("readable"));
        let two = vec![route("a", &["web"]), route("b", &["web-internal"])];
        assert!(why(two, &[]).contains("more than one Service"));
        let long = chosen(&"x".repeat(60), vec![route("a", &["web"])], &[]);
        assert!(long.why.unwrap().contains("too long"));
    }
}
