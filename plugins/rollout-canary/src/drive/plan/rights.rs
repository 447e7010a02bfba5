//! The rights that a run needs, read from the steps that it will take.

use groundcrew::client::access::Access;

use crate::drive::session::Open;
use crate::model::machine::next::End;
use crate::model::names;
use crate::model::steps::Step;
use crate::model::target::Target;
use crate::model::traffic::route::RouteRef;
use crate::model::traffic::service::name_of_extra;

/// Whether a run begins with a record that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// It writes the record first.
    New,
    /// It goes on with the record.
    Recorded,
}

/// Says whether a canary goes on without a right, seeing less.
pub fn is_optional(access: &Access) -> bool {
    access.resource == "events" || access.subresource.as_deref() == Some("log")
}

/// Every right that a run needs which takes these steps and ends in one of these ways, from its first
/// look to its last write.
pub fn rights(open: &Open, begins: Begins, steps: &[Step], ends: &[End]) -> Vec<Access> {
    let target = &open.target;
    let mut rights = reads(target);
    if begins == Begins::New {
        rights.push(within(target, "create", "configmaps"));
    }
    rights.extend(asking(open));
    let forgets = |end: &End| matches!(end, End::Promoted | End::Aborted);
    if ends.iter().any(forgets) {
        rights.push(record(target, "delete"));
        // The fields go back to their owners.
        rights.push(within(target, "patch", "deployments.apps").named(&target.name));
    }
    for step in steps {
        rights.extend(of_step(target, step));
    }
    let mut known: Vec<Access> = Vec::new();
    for right in rights {
        if !known.contains(&right) {
            known.push(right);
        }
    }
    known
}

/// What it takes to ask the driver that is at work.
pub fn asking(open: &Open) -> Vec<Access> {
    ["get", "update"]
        .map(|verb| record(&open.target, verb))
        .to_vec()
}

/// What is watched by everybody who drives.
fn reads(target: &Target) -> Vec<Access> {
    let here = |verb, resource| within(target, verb, resource);
    vec![
        here("get", "deployments.apps").named(&target.name),
        here("list", "deployments.apps").named(&target.name),
        here("watch", "deployments.apps").named(&target.name),
        here("list", "replicasets.apps"),
        here("watch", "replicasets.apps"),
        here("list", "pods"),
        here("watch", "pods"),
        here("get", "pods/log"),
        here("list", "events"),
    ]
}

/// What one step sends.
fn of_step(target: &Target, step: &Step) -> Vec<Access> {
    let here = |verb, resource| within(target, verb, resource);
    let extra = name_of_extra(&target.name);
    match step {
        Step::Form(_) => vec![here("patch", "deployments.apps").named(&target.name)],
        Step::Given { route, beside, .. } => {
            let mut rights = vec![
                here("list", "services"),
                here("get", "services").named(beside),
                here("get", "services").named(&extra),
                here("create", "services"),
                here("delete", "services").named(&extra),
                here("list", "endpointslices.discovery.k8s.io"),
            ];
            rights.extend(of_route(route));
            rights
        }
        Step::Restored(route) => {
            let mut rights = of_route(route).to_vec();
            rights.extend(["get", "delete"].map(|verb| here(verb, "services").named(&extra)));
            rights
        }
        Step::Gone(route) => {
            let mut rights = vec![of_route(route)[0].clone()];
            rights.extend(["get", "delete"].map(|verb| here(verb, "services").named(&extra)));
            rights
        }
        Step::NoRoute(_) | Step::Enough { .. } | Step::Watched { .. } => Vec::new(),
    }
}

fn of_route(route: &RouteRef) -> [Access; 2] {
    let resource = format!(
        "{}s.gateway.networking.k8s.io",
        route.kind.as_str().to_lowercase()
    );
    ["get", "patch"].map(|verb| {
        Access::new(verb, &resource)
            .within(&route.namespace)
            .named(&route.name)
    })
}

fn record(target: &Target, verb: &str) -> Access {
    within(target, verb, "configmaps").named(names::record_name(&target.name))
}

fn within(target: &Target, verb: &str, resource: &str) -> Access {
    Access::new(verb, resource).within(&target.namespace)
}
