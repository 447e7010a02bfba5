//! The reaper's ledger and the quotas that it samples.

use std::collections::BTreeMap;

use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use crate::model::ledger::{Ledger, Requests, quantity};
use crate::model::meta;

/// Key of the ledger's data.
pub const KEY: &str = "ledger.json";

/// Reads the ledger.
///
/// # Errors
///
/// That it is broken: without it, what was claimed cannot be told from what was not.
pub async fn read(session: &Session) -> Result<(Ledger, Option<ObjectMeta>)> {
    let maps = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
    let Some(map) = maps.find(meta::LEDGER).await? else {
        return Ok((Ledger::default(), None));
    };
    let text = map.data.as_ref().and_then(|data| data.get(KEY));
    let ledger = match text {
        None => Ledger::default(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Error::failed(format!(
                "the reaper's ledger cannot be read: configmap {} in namespace {SYSTEM_NAMESPACE}",
                meta::LEDGER
            ))
            .with_source(error)
            .with_hint(format!(
                "review it; to start a new one: kubectl delete configmap {} -n {SYSTEM_NAMESPACE}",
                meta::LEDGER
            ))
        })?,
    };
    Ok((ledger, Some(map.metadata)))
}

/// Reads what the pods of every claim request, from the quotas that count it.
///
/// # Errors
///
/// What the server says.
pub async fn requests(session: &Session) -> Result<BTreeMap<String, Requests>> {
    let quotas = session.everywhere::<ResourceQuota>();
    let selector = format!("{}={}", meta::MANAGED_BY.0, meta::MANAGED_BY.1);
    let params = ListParams::default().labels(&selector);
    let add = |requests: &mut BTreeMap<String, Requests>, quota: ResourceQuota| {
        let used = quota
            .status
            .and_then(|status| status.used)
            .unwrap_or_default();
        let of = |key: &str, scale| {
            used.get(key)
                .and_then(|text| quantity(&text.0, scale))
                .unwrap_or_default()
        };
        let found = Requests {
            cpu_milli: of("requests.cpu", 1000.0),
            memory_mi: of("requests.memory", 1.0 / 1_048_576.0),
        };
        requests.insert(quota.metadata.namespace.unwrap_or_default(), found);
    };
    pages::fold(quotas.api(), &params, add)
        .await
        .map_err(|error| explain(error, &quotas.doing("list")))
}
