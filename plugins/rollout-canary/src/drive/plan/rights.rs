//! The rights that a canary needs, from its first look to its last write.

use groundcrew::client::access::Access;

use crate::drive::plan::traffic::Traffic;
use crate::drive::session::Open;
use crate::model::names;

/// Says whether a canary goes on without a right, seeing less.
pub fn is_optional(access: &Access) -> bool {
    access.resource == "events" || access.subresource.as_deref() == Some("log")
}

/// Every right that a canary needs from its first look to its last write.
pub fn rights(open: &Open, traffic: &Traffic) -> Vec<Access> {
    let target = &open.target;
    let within =
        |verb: &str, resource: &str| Access::new(verb, resource).within(target.namespace.clone());
    let record = names::record_name(&target.name);
    let mut rights = vec![
        within("get", "deployments.apps").named(&target.name),
        within("list", "deployments.apps").named(&target.name),
        within("watch", "deployments.apps").named(&target.name),
        within("patch", "deployments.apps").named(&target.name),
        within("list", "replicasets.apps"),
        within("watch", "replicasets.apps"),
        within("list", "pods"),
        within("watch", "pods"),
        within("get", "pods/log"),
        within("list", "events"),
        within("create", "configmaps"),
    ];
    rights
        .extend(["get", "update", "delete"].map(|verb| within(verb, "configmaps").named(&record)));
    if let Some(extra) = traffic.extra_service.as_ref().filter(|_| traffic.gateway) {
        rights.extend([
            within("list", "services"),
            within("create", "services"),
            within("get", "services").named(extra),
            within("delete", "services").named(extra),
            within("list", "endpointslices.discovery.k8s.io"),
        ]);
        for route in &traffic.routes {
            let (kind, name) = route.split_once('/').unwrap_or((route, ""));
            let resource = format!("{kind}s.gateway.networking.k8s.io");
            rights.extend(["get", "patch"].map(|verb| within(verb, &resource).named(name)));
        }
    }
    rights
}
