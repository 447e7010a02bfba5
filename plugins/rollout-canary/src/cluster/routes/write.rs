//! The writes, in an order in which no request meets a Service without endpoints.

use std::collections::BTreeSet;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::cluster::{self, Objects, poll};
use groundcrew::error::{Error, Result};
use groundcrew::write::{Writer, is_not_found};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use tokio::time::sleep;

use crate::cluster::refusal::is_outrun;
use crate::cluster::routes::detect::{GROUP, plural};
use crate::cluster::write::encoded;
use crate::model::patch::bound_to;
use crate::model::traffic::Backends;
use crate::model::traffic::route::{self, Change, Edit, RouteRef, Rule};
use crate::model::traffic::service::Canary;

/// How often a route that changes all the time is read again before giving up.
const TRIES: usize = 8;

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// How long to wait for others.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the extra Service to have a ready endpoint.
    pub ready: Duration,
    /// For the gateways to take up a change of a route.
    pub observed: Duration,
}

/// What was left when a share was taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Whether the route is gone, so that there was nothing to take back.
    pub gone: bool,
    /// What somebody else changed meanwhile, each one phrase.
    pub foreign: Vec<String>,
}

/// Makes the extra Service and waits until it has a ready endpoint.
///
/// # Errors
///
/// A conflict when there is a Service of that name which is not ours; that no endpoint became ready
/// in time, in which case no route was touched.
pub async fn prepare(
    session: &Session,
    canary: &Canary,
    target: &Backends,
    patience: Patience,
) -> Result<()> {
    let services = services(session, canary);
    match services.find(&target.extra).await? {
        Some(found) if !canary.owns(&found) => return Err(not_ours(&target.extra)),
        Some(found) if canary.is_current(&found) => {}
        Some(found) => {
            // It is of an earlier canary.
            for route in &target.routes {
                let current = read(session, route).await?.unwrap_or_default();
                if route::services(&current).contains(&target.extra) {
                    return Err(Error::conflict(format!(
                        "{route} still leads to service/{} of an earlier canary",
                        target.extra
                    )));
                }
            }
            services
                .delete(&writer(canary, false), &found.metadata)
                .await?;
            create(session, canary, target).await?;
        }
        None => create(session, canary, target).await?,
    }
    let look = async || {
        let ready = endpoints(session, canary, &target.extra).await?;
        Ok((!ready.is_empty()).then_some(()))
    };
    let ready = poll(every(patience.ready), &Interrupt::never(), look).await?;
    ready.ok_or_else(|| {
        Error::timed_out(format!(
            "service/{} has no ready endpoint after {}s; no route was changed",
            target.extra,
            patience.ready.as_secs()
        ))
    })
}

/// Looks at once, and again after each pause.
fn every(limit: Duration) -> cluster::Patience {
    cluster::Patience {
        limit,
        first: PAUSE,
        longest: PAUSE,
    }
}

async fn create(session: &Session, canary: &Canary, target: &Backends) -> Result<()> {
    let services = services(session, canary);
    let original = services.get(&target.service).await?;
    let extra = canary.beside(&original, &target.extra);
    let is_mine = |found: &Service| canary.owns(found) && canary.is_current(found);
    services
        .create(&writer(canary, false), &extra, is_mine)
        .await?;
    Ok(())
}

/// Plans what [`enter`] will do to one route, so that it can be recorded before it is done. `known`
/// are the rules of earlier changes of the same route: without them the weights of the last share
/// would be taken for the user's.
///
/// # Errors
///
/// That a rule cannot express the share; a conflict when the route is another one by now or leads
/// to the Service no more.
pub async fn foresee(
    session: &Session,
    target: &Backends,
    route: &RouteRef,
    share: f64,
    known: &[Rule],
) -> Result<Change> {
    let current = read(session, route).await?;
    let current = current.ok_or_else(|| gone(route))?;
    let edit = planned(&current, target, route, share, known)?;
    changed(target, route, share, edit, known)
}

/// Gives the extra Service its share in one route, as planned, and waits until the gateways have
/// taken it up. Doing it twice is doing it once. Returns what was done, which differs from the plan
/// when somebody else changed the route in between.
///
/// # Errors
///
/// As [`foresee`]; a conflict when the route changes all the time; that no gateway has taken it up
/// in time.
pub async fn enter(
    session: &Session,
    canary: &Canary,
    target: &Backends,
    change: &Change,
    patience: Patience,
) -> Result<Change> {
    let Change {
        route,
        rules,
        share,
    } = change;
    let plan = |current: &Value| planned(current, target, route, *share, rules);
    let edit = edit(session, (route, &canary.manager), plan, false).await?;
    let done = changed(
        target,
        route,
        *share,
        edit.ok_or_else(|| gone(route))?,
        rules,
    )?;
    await_observed(session, route, patience).await?;
    Ok(done)
}

pub(super) fn planned(
    current: &Value,
    target: &Backends,
    route: &RouteRef,
    share: f64,
    known: &[Rule],
) -> Result<Edit> {
    route::give(current, &target.service, &target.extra, share, known)
        .map_err(|why| Error::failed(format!("{route}: {why}")))
}

fn changed(
    target: &Backends,
    route: &RouteRef,
    share: f64,
    edit: Edit,
    known: &[Rule],
) -> Result<Change> {
    if edit.rules.is_empty() {
        let service = &target.service;
        let message = format!("{route} no longer leads to service/{service}");
        return Err(Error::conflict(message));
    }
    let mut rules = edit.rules;
    for rule in known {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    Ok(Change {
        route: route.clone(),
        rules,
        share,
    })
}

pub(super) fn gone(route: &RouteRef) -> Error {
    Error::conflict(format!("{route} no longer exists"))
}

/// Takes the share back, and waits until the gateways have taken it up. Afterwards no request goes
/// to the extra Service, and its pods may go.
///
/// # Errors
///
/// As [`enter`]. A route that is gone is not an error.
pub async fn leave(
    session: &Session,
    canary: &Canary,
    change: &Change,
    patience: Patience,
) -> Result<Left> {
    let Some(extra) = canary.service() else {
        return Ok(Left::default());
    };
    let plan = |current: &Value| Ok(route::take_back(current, &extra, &change.rules));
    let Some(edit) = edit(session, (&change.route, &canary.manager), plan, false).await? else {
        return Ok(Left {
            gone: true,
            foreign: Vec::new(),
        });
    };
    await_observed(session, &change.route, patience).await?;
    Ok(Left {
        gone: false,
        foreign: edit.foreign,
    })
}

/// Deletes the extra Service; one that is gone, or not ours, stays as it is.
///
/// # Errors
///
/// The server's refusal.
pub async fn clean_up(session: &Session, canary: &Canary) -> Result<()> {
    let Some(name) = canary.service() else {
        return Ok(());
    };
    let found = services(session, canary).find(&name).await?;
    if let Some(found) = found.filter(|found| canary.owns(found)) {
        delete_service(session, canary, &found, false).await?;
    }
    Ok(())
}

/// Deletes the extra Service, if it is still the one that was found.
///
/// # Errors
///
/// The server's refusal.
pub async fn delete_service(
    session: &Session,
    canary: &Canary,
    service: &Service,
    dry_run: bool,
) -> Result<bool> {
    let services = services(session, canary);
    services
        .delete(&writer(canary, dry_run), &service.metadata)
        .await
}

/// Reads, plans and patches until the patch meets the route it was planned for. `None` when the
/// route is gone or another one of the same name.
pub async fn edit(
    session: &Session,
    (route, manager): (&RouteRef, &str),
    plan: impl Fn(&Value) -> Result<Edit>,
    dry_run: bool,
) -> Result<Option<Edit>> {
    for _ in 0..TRIES {
        let Some(current) = read(session, route).await? else {
            return Ok(None);
        };
        let edit = plan(&current)?;
        if edit.operations.is_empty() {
            return Ok(Some(edit));
        }
        let mut operations = bound_to(&current);
        operations.extend(edit.operations.iter().cloned());
        let body = serde_json::to_vec(&operations)
            .map_err(|error| Error::failed("cannot write the patch").with_source(error))?;
        let dry = if dry_run { "dryRun=All&" } else { "" };
        let path = format!("{}?{dry}fieldManager={}", path(route), encoded(manager));
        let request = http::Request::patch(path)
            .header(http::header::CONTENT_TYPE, "application/json-patch+json")
            .body(body)
            .map_err(|error| Error::failed("cannot write the request").with_source(error))?;
        match session.client.request::<Value>(request).await {
            Ok(_) => return Ok(Some(edit)),
            // Whether it was carried out shows when it is read again. A patch whose test fails is
            // 422 (`apiserver/pkg/endpoints/handlers/patch.go`).
            Err(error) if outcome_unknown(&error) || is_outrun(&error) => sleep(PAUSE).await,
            Err(error) => return Err(explain(session, route, "patch", error)),
        }
    }
    Err(Error::conflict(format!(
        "{route} keeps being changed by others; gave up"
    )))
}

/// Says whether a route is still there.
///
/// # Errors
///
/// The server's refusal.
pub async fn is_there(session: &Session, route: &RouteRef) -> Result<bool> {
    Ok(read(session, route).await?.is_some())
}

async fn read(session: &Session, route: &RouteRef) -> Result<Option<Value>> {
    let request = http::Request::get(path(route))
        .body(Vec::new())
        .map_err(|error| Error::failed("cannot write the request").with_source(error))?;
    match session.client.request::<Value>(request).await {
        Ok(found) => Ok(Some(found).filter(|found| found["metadata"]["uid"] == route.uid.as_str())),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(explain(session, route, "get", error)),
    }
}

pub async fn await_observed(session: &Session, route: &RouteRef, patience: Patience) -> Result<()> {
    let mut last = String::new();
    let look = async || {
        let current = read(session, route).await?;
        let observed = current.map_or(Ok(()), |current| route::observed(&current));
        Ok(observed.map_err(|why| last = why).ok())
    };
    let seen = poll(every(patience.observed), &Interrupt::never(), look).await?;
    seen.ok_or_else(|| {
        let after = patience.observed.as_secs();
        Error::timed_out(format!("{route} is not in effect after {after}s: {last}"))
    })
}

fn path(route: &RouteRef) -> String {
    let RouteRef {
        kind,
        version,
        namespace,
        name,
        ..
    } = route;
    let plural = plural(*kind);
    format!("/apis/{GROUP}/{version}/namespaces/{namespace}/{plural}/{name}")
}

fn explain(session: &Session, route: &RouteRef, verb: &'static str, error: kube::Error) -> Error {
    let gvk = GroupVersionKind::gvk(GROUP, &route.version, route.kind.as_str());
    let kind = ApiResource::from_gvk_with_plural(&gvk, plural(route.kind));
    let routes = session.cluster().dynamic(&kind, Some(&route.namespace));
    routes.explain(verb, &route.name, error)
}

fn services(session: &Session, canary: &Canary) -> Objects<Service> {
    session.in_(&canary.namespace).of()
}

pub(super) fn writer(canary: &Canary, dry_run: bool) -> Writer {
    Writer {
        field_manager: canary.manager.clone(),
        dry_run,
        force_conflicts: false,
    }
}

pub(super) fn not_ours(name: &str) -> Error {
    Error::conflict(format!(
        "service/{name} does not belong to this Deployment's canary"
    ))
    .with_hint(format!("kubectl get service {name} -o yaml"))
}

/// Returns the ready endpoints of a Service, by the names of their pods; one that is not a pod is
/// called by its address.
///
/// # Errors
///
/// The server's refusal.
pub async fn endpoints(
    session: &Session,
    canary: &Canary,
    service: &str,
) -> Result<BTreeSet<String>> {
    let slices = session.in_(&canary.namespace).of::<EndpointSlice>();
    let selector = format!("kubernetes.io/service-name={service}");
    let slices = slices.labelled(&selector).await?;
    // Not said means ready (`discovery/v1`, EndpointConditions).
    let is_ready = |endpoint: &&Endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions
            .and_then(|conditions| conditions.ready)
            .unwrap_or(true)
    };
    let name = |endpoint: &Endpoint| {
        let pod = endpoint.target_ref.as_ref();
        let pod = pod.and_then(|target| target.name.clone());
        pod.or_else(|| endpoint.addresses.first().cloned())
            .unwrap_or_default()
    };
    let all = slices.iter().flat_map(|slice| &slice.endpoints);
    Ok(all.filter(is_ready).map(name).collect())
}
