//! What the reaper looks at before it decides anything.

use std::collections::BTreeMap;

use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{Session, pages};
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::{PersistentVolume, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
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
#[must_use]
pub fn required() -> Vec<Access> {
    let here = |verb: &str, name: &str| {
        Access::new(verb, "configmaps")
            .named(name)
            .within(SYSTEM_NAMESPACE)
    };
    vec![
        Access::new("get", "namespaces"),
        Access::new("list", "namespaces"),
        Access::new("patch", "namespaces"),
        Access::new("delete", "namespaces"),
        Access::new("create", "events"),
        Access::new("list", "services"),
        Access::new("list", "persistentvolumes"),
        Access::new("list", "resourcequotas"),
        here("get", meta::INDEX),
        here("patch", meta::INDEX),
        here("get", meta::LEDGER),
        here("update", meta::LEDGER),
        Access::new("list", "configmaps").within(SYSTEM_NAMESPACE),
        Access::new("create", "configmaps").within(SYSTEM_NAMESPACE),
        Access::new("patch", "configmaps").within(SYSTEM_NAMESPACE),
        Access::new("delete", "configmaps").within(SYSTEM_NAMESPACE),
    ]
}

/// Looks; a missing right or a clock that is off ends the run before anything is written.
///
/// # Errors
///
/// What is missing, or what the server says.
pub async fn observe(session: &Session) -> Result<Observed> {
    let me = access::who_am_i(session).await?.username;
    let missing = access::missing(session, &required()).await?;
    if !missing.is_empty() {
        return Err(access::refused(&missing, &me, "groundcrew-claim-reaper"));
    }
    let (index, clock) = index::read(session).await?;
    clock.check()?;
    let claims = claims::labelled(session)
        .await
        .map_err(|error| explain(error, &Doing::new("list", "namespaces")))?;
    let (ledger, ledger_read) = ledger::read(session).await?;
    let requests = ledger::requests(session)
        .await
        .map_err(|error| explain(error, &Doing::new("list", "resourcequotas")))?;
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
    let api = Api::<PersistentVolume>::all(session.client.clone());
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
    pages::fold(&api, &ListParams::default(), add)
        .await
        .map_err(|error| explain(error, &Doing::new("list", "persistentvolumes")))
}

/// Reads the load balancers of a namespace: something outside the cluster may still point there.
///
/// # Errors
///
/// What the server says.
pub async fn load_balancers(session: &Session, namespace: &str) -> Result<Vec<String>> {
    let api = Api::<Service>::namespaced(session.client.clone(), namespace);
    let doing = Doing::new("list", "services").within(namespace);
    let services = api
        .list(&ListParams::default())
        .await
        .map_err(|error| explain(error, &doing))?;
    Ok(services
        .items
        .into_iter()
        .filter(|service| {
            let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
            kind == Some("LoadBalancer")
        })
        .filter_map(|service| service.metadata.name)
        .map(|name| format!("service/{name} (LoadBalancer)"))
        .collect())
}
