//! What a canary left in routes although no record tells of it.
//!
//! The extra Service is known by its name, its label and its owner, the extra backend by the Service
//! that it leads to. What the user's weights were is in no object any more; their parts can be put
//! back all the same, because the extra backend has nothing but what it took from the one Service
//! beside it.

use std::time::Duration;

use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::finding::{Unseen, reason};
use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use crate::cluster::routes::detect;
use crate::cluster::routes::write::{self, Patience};
use crate::model::names::FIELD_MANAGER;
use crate::model::names::MANAGED_BY;
use crate::model::traffic::route::{self, Edit, RouteRef, Rule};
use crate::model::traffic::service::{Canary, name_of_extra};
use crate::model::traffic::share::LARGEST;

/// A gateway says that it knows a route before all of it acts accordingly; and requests are under
/// way.
const DRAIN: Duration = Duration::from_secs(4);

/// How long the gateways may take to take up a route.
const PATIENCE: Patience = Patience {
    ready: Duration::ZERO,
    observed: Duration::from_secs(60),
};

/// What is left of a Deployment's canary.
#[derive(Debug, Default)]
pub struct Leftover {
    /// The name of the extra Service, also when it is gone.
    pub extra: String,
    /// The extra Service, if it is there and was made for a Deployment of this name.
    pub service: Option<Service>,
    /// The routes that lead to it.
    pub routes: Vec<LeftRoute>,
    /// What could not be looked at, in the server's words.
    pub unseen: Vec<Unseen>,
    /// The Services that select the Deployment's pods.
    own: Vec<String>,
}

/// A route with an extra backend.
#[derive(Debug)]
pub struct LeftRoute {
    /// The route.
    pub route: RouteRef,
    /// Its rules as they were changed, where a record still tells of them.
    known: Vec<Rule>,
    /// Why the backend cannot be taken out without a guess; `None` when it can.
    pub by_hand: Option<String>,
}

/// Looks for the extra Service and for backends that lead to it. `known` are the rules that a record
/// of this name tells of, route by route.
///
/// What may not be read is in [`unseen`](Leftover::unseen) and never taken for nothing.
///
/// # Errors
///
/// When the list of API groups cannot be read, or the server fails.
pub async fn find(
    session: &Session,
    canary: &Canary,
    known: impl Fn(&RouteRef) -> Vec<Rule>,
) -> Result<Leftover> {
    let namespace = canary.namespace.as_str();
    // Of a name that is too long there never was one.
    let Some(extra) = canary.service() else {
        return Ok(Leftover::default());
    };
    let mut found = Leftover {
        extra: extra.clone(),
        ..Leftover::default()
    };
    let services = session.in_(namespace).of::<Service>();
    match services.find(&extra).await {
        // Somebody's own Service of that name is theirs, and so are the backends that lead to it.
        Ok(Some(service)) if !is_ours(&service, &canary.deployment) => return Ok(found),
        Ok(service) => found.service = service,
        Err(error) => found.unseen.push(refused(error, services.resource())?),
    }
    let Some(objects) = detect::all_routes(session, namespace, &mut found.unseen).await? else {
        // No canary had a share to leave behind, so the right to look for it is not needed.
        found.unseen.clear();
        return Ok(found);
    };
    let led: Vec<(RouteRef, Value)> = objects
        .into_iter()
        .filter(|(_, object)| route::services(object).contains(&extra))
        .collect();
    if led.is_empty() {
        return Ok(found);
    }
    match services.list().await {
        Ok(all) => {
            found.own = all
                .iter()
                .filter(|service| canary.is_selected_by(service))
                .filter_map(|service| service.metadata.name.clone())
                .collect();
        }
        Err(error) => found.unseen.push(refused(error, services.resource())?),
    }
    for (reference, object) in led {
        let known = known(&reference);
        let by_hand = take_out(&object, &extra, &found.own, &known).err();
        found.routes.push(LeftRoute {
            route: reference,
            known,
            by_hand,
        });
    }
    Ok(found)
}

/// Takes the extra backend out of a route, gives its part back to the Service that it was taken
/// from, and waits until the gateways have taken that up.
///
/// # Errors
///
/// The server's refusal; a conflict when the route changes all the time; that no gateway has taken it
/// up in time, in which case it can be run again.
pub async fn take_route_back(
    session: &Session,
    found: &Leftover,
    left: &LeftRoute,
    dry_run: bool,
) -> Result<()> {
    let plan = |current: &Value| {
        take_out(current, &found.extra, &found.own, &left.known)
            .map_err(|why| Error::conflict(format!("{}: {why}", left.route)))
    };
    let edited = write::edit(session, (&left.route, FIELD_MANAGER), plan, dry_run).await?;
    if edited.is_some() && !dry_run {
        write::await_observed(session, &left.route, PATIENCE).await?;
        tokio::time::sleep(DRAIN).await;
    }
    Ok(())
}

/// Says whether a Service is the extra one of a Deployment of this name, of today's or of an earlier
/// one.
fn is_ours(service: &Service, deployment: &str) -> bool {
    let labels = service.metadata.labels.as_ref();
    let made = labels.and_then(|labels| labels.get("app.kubernetes.io/managed-by"));
    let mut owners = service.metadata.owner_references.iter().flatten();
    made.is_some_and(|made| made == MANAGED_BY.1)
        && owners.any(|owner| owner.kind == "Deployment" && owner.name == deployment)
        && service.metadata.name == Some(name_of_extra(deployment))
}

/// Takes only a refusal for something that cannot be seen.
fn refused(error: Error, resource: &str) -> Result<Unseen> {
    if error.is_forbidden() {
        Ok(Unseen::new(resource, reason(&error)))
    } else {
        Err(error)
    }
}

/// Plans to take the backend `extra` out of every rule. Where a rule is as a record has it, the
/// user's backends are put back as they were. Else its weight goes back to the Service of `own`, which
/// it was taken from: every part is as it was then, if not every number.
///
/// # Errors
///
/// Why that would be a guess.
fn take_out(route: &Value, extra: &str, own: &[String], known: &[Rule]) -> Result<Edit, String> {
    let namespace = route["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut edit = Edit::default();
    for (index, backends) in route::rules(route) {
        let (ours, mut rest): (Vec<Value>, Vec<Value>) = backends
            .iter()
            .cloned()
            .partition(|backend| route::is_service(backend, namespace, extra));
        if ours.is_empty() {
            continue;
        }
        if let Some(rule) = known.iter().find(|rule| route::same(&rule.after, &rest)) {
            rest.clone_from(&rule.before);
        } else {
            let is_own = |backend: &Value| {
                own.iter()
                    .any(|name| route::is_service(backend, namespace, name))
            };
            match (rest.len(), rest.iter().position(is_own)) {
                (0, _) => {
                    return Err(format!(
                        "rule {index} leads to service/{extra} alone: choose where it should lead"
                    ));
                }
                // Of one backend alone any weight is everything.
                (1, _) => {}
                (_, None) => {
                    return Err(format!(
                        "it is unknown which backend of rule {index} service/{extra} took its \
                         share from"
                    ));
                }
                (_, Some(place)) => {
                    let whole = ours.iter().chain([&rest[place]]).map(route::weight).sum();
                    rest[place]["weight"] = json!(within(whole, index)?);
                }
            }
        }
        route::replace(&mut edit.operations, index, backends, rest);
    }
    Ok(edit)
}

fn within(weight: u64, index: usize) -> Result<u64, String> {
    if weight <= LARGEST {
        Ok(weight)
    } else {
        Err(format!(
            "the weights of rule {index} add up to more than the Gateway API allows"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXTRA: &str = "web-rc-canary";

    fn backend(name: &str, weight: u64) -> Value {
        json!({"group": "", "kind": "Service", "name": name, "port": 80, "weight": weight})
    }

    fn route(backends: &[Value]) -> Value {
        json!({"metadata": {"namespace": "shop", "name": "web"},
            "spec": {"rules": [{"backendRefs": [backend("api", 1)]}, {"backendRefs": backends}]}})
    }

    fn taken_out(backends: &[Value], known: &[Rule]) -> Result<Vec<Value>, String> {
        let own = ["web".to_owned(), "web-internal".to_owned()];
        let edit = take_out(&route(backends), EXTRA, &own, known)?;
        assert_eq!(edit.operations.len(), 2, "one test and one replacement");
        assert_eq!(edit.operations[1]["path"], "/spec/rules/1/backendRefs");
        let left = edit.operations[1]["value"].as_array().cloned();
        Ok(left.unwrap_or_default())
    }

    #[test]
    fn the_extra_backend_alone_goes() {
        let left = taken_out(&[backend("web", 9), backend(EXTRA, 1)], &[]);
        assert_eq!(left.unwrap(), [backend("web", 9)]);
    }

    #[test]
    fn every_part_is_what_it_was_before_the_share_was_given() {
        let before = [backend("api", 2), backend("web", 3)];
        for share in [0.1, 2.0 / 9.0, 0.5, 0.75] {
            let given = route::give(&route(&before), "web", EXTRA, share, &[]).unwrap();
            let during = given.operations[1]["value"].as_array().unwrap();
            let left = taken_out(during, &[]).unwrap();
            let weights: Vec<u64> = left.iter().map(route::weight).collect();
            assert_eq!(weights[0] * 3, weights[1] * 2, "{share}: {left:?}");
        }
    }

    #[test]
    fn a_record_that_is_left_tells_the_numbers_too() {
        let before = [backend("api", 2), backend("web", 3)];
        let given = route::give(&route(&before), "web", EXTRA, 0.1, &[]).unwrap();
        let during = given.operations[1]["value"].as_array().unwrap();
        assert_eq!(taken_out(during, &given.rules).unwrap(), before);
    }

    #[test]
    fn what_would_be_a_guess_is_not_done() {
        let alone = taken_out(&[backend(EXTRA, 1)], &[]).unwrap_err();
        assert!(alone.contains("alone"), "{alone}");
        let strangers = [backend("api", 1), backend("db", 1), backend(EXTRA, 1)];
        let unknown = taken_out(&strangers, &[]).unwrap_err();
        assert!(unknown.contains("unknown"), "{unknown}");
    }

    #[test]
    fn a_route_without_the_backend_stays_as_it_is() {
        let edit = take_out(&route(&[backend("web", 1)]), EXTRA, &[], &[]);
        assert_eq!(edit, Ok(Edit::default()));
    }

    #[test]
    fn only_what_was_made_for_the_deployment_is_its_service() {
        let made = |manager: &str, owner: &str, name: &str| {
            let object = json!({"metadata": {"name": name,
                "labels": {"app.kubernetes.io/managed-by": manager},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": owner,
                    "uid": "u"}]}});
            is_ours(&serde_json::from_value(object).unwrap(), "web")
        };
        assert!(made(MANAGED_BY.1, "web", EXTRA));
        assert!(!made("Helm", "web", EXTRA));
        assert!(!made(MANAGED_BY.1, "api", EXTRA));
        assert!(!made(MANAGED_BY.1, "web", "web-canary"));
    }
}
