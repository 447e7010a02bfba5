//! What the reaper looks at before it decides anything.

use std::collections::BTreeMap;

use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::{
    ConfigMap, Event, Namespace, PersistentVolume, ResourceQuota, Service,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use crate::cluster::{claims, index, ledger};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::{Ledger, Requests};
use crate::model::meta;
use groundcrew::client::clock::Clock;

/// Everything that was seen.
#[derive(Debug)]
pub struct Observed {
    pub me: String,
    pub index: Index,
    pub clock: Clock,
    pub claims: Vec<Claim>,
    pub ledger: Ledger,
    /// Metadata of the ledger's ConfigMap; `None` when there is none yet.
    pub ledger_read: Option<ObjectMeta>,
    /// What the pods of each claim request.
    pub requests: BTreeMap<String, Requests>,
}

/// Returns every right that a run may need.
fn required(session: &Session) -> Vec<Access> {
    let maps = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let namespaces = session.of::<Namespace>();
    vec![
        namespaces.right("get"),
        namespaces.right("list"),
        namespaces.right("patch"),
        namespaces.right("delete"),
        session.everywhere::<Event>().right("create"),
        session.everywhere::<Service>().right("list"),
        session.of::<PersistentVolume>().right("list"),
        session.everywhere::<ResourceQuota>().right("list"),
        maps.right("get").named(meta::INDEX),
        maps.right("patch").named(meta::INDEX),
        maps.right("get").named(meta::LEDGER),
        maps.right("update").named(meta::LEDGER),
        maps.right("list"),
        maps.right("create"),
        maps.right("patch"),
        maps.right("delete"),
    ]
}

/// Looks; a missing right or a clock that is off ends the run before anything is written.
///
/// # Errors
///
/// What is missing, or what the server says.
pub async fn observe(session: &Session) -> Result<Observed> {
    let me = access::who_am_i(session).await?.username;
    let missing = access::missing(session, &required(session)).await?;
    if !missing.is_empty() {
        return Err(access::refused(&missing, &me, "groundcrew-claim-reaper"));
    }
    let (index, clock) = index::read(session).await?;
    clock.check()?;
    let claims = claims::labelled(session).await?;
    let (ledger, ledger_read) = ledger::read(session).await?;
    let requests = ledger::requests(session).await?;
    Ok(Observed {
        me,
        index,
        clock,
        claims,
        ledger,
        ledger_read,
        requests,
    })
}

/// Reads every volume that is kept when its claim goes, by the namespace that uses it.
///
/// # Errors
///
/// What the server says.
pub async fn kept_volumes(session: &Session) -> Result<BTreeMap<String, Vec<String>>> {
    let all = session.of::<PersistentVolume>();
    let add = |kept: &mut BTreeMap<String, Vec<String>>, volume: PersistentVolume| {
        let Some(spec) = volume.spec else { return };
        let retained = spec.persistent_volume_reclaim_policy.as_deref() == Some("Retain");
        let user = spec.claim_ref.and_then(|claim| claim.namespace);
        if let (true, Some(namespace), Some(name)) = (retained, user, volume.metadata.name) {
            kept.entry(namespace)
                .or_default()
                .push(format!("persistentvolume/{name} (Retain)"));
        }
    };
    pages::fold(all.api(), &ListParams::default(), add)
        .await
        .map_err(|error| explain(error, &all.doing("list")))
}

/// Reads the load balancers of a namespace: something outside the cluster may still point there.
///
/// # Errors
///
/// What the server says.
pub async fn load_balancers(session: &Session, namespace: &str) -> Result<Vec<String>> {
    let services = session.in_(namespace).of::<Service>().list().await?;
    Ok(services
        .into_iter()
        .filter(|service| {
            let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
            kind == Some("LoadBalancer")
        })
        .filter_map(|service| service.metadata.name)
        .map(|name| format!("service/{name} (LoadBalancer)"))
        .collect())
}
