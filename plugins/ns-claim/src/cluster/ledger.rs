//! The reaper's ledger and the quotas that it samples.

use std::collections::BTreeMap;

use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Writer;
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use super::records::records;
use crate::model::ledger::{Ledger, Requests, quantity};
use crate::model::{meta, objects, shards};

/// Key of the ledger's data.
pub const KEY: &str = "ledger.json";

/// The ledger as it is in the cluster.
#[derive(Debug, Default)]
pub struct Kept {
    /// All of it that can be read.
    pub ledger: Ledger,
    /// Its parts, by the names of their ConfigMaps.
    pub shards: BTreeMap<String, (ObjectMeta, Ledger)>,
    /// ConfigMaps of it that cannot be read, and why.
    pub broken: BTreeMap<String, String>,
}

/// Reads the ledger. A part that is broken is named: its claims are then on record by the index
/// alone, and nothing is deleted that is not.
///
/// # Errors
///
/// What the server says.
pub async fn read(session: &Session) -> Result<Kept> {
    let maps = records(session);
    let selector = format!("{}={}", meta::RECORD, meta::LEDGER_RECORD);
    let mut found = maps.labelled(&selector).await?;
    // The one of an earlier version has no label.
    let is_first = |map: &ConfigMap| map.metadata.name.as_deref() == Some(meta::LEDGER);
    if !found.iter().any(is_first) {
        found.extend(maps.find(meta::LEDGER).await?);
    }
    let mut kept = Kept::default();
    for map in found {
        let name = map.metadata.name.clone().unwrap_or_default();
        let text = map.data.as_ref().and_then(|data| data.get(KEY));
        match text.map(|text| serde_json::from_str::<Ledger>(text)) {
            None => drop(kept.shards.insert(name, (map.metadata, Ledger::default()))),
            Some(Ok(part)) => drop(kept.shards.insert(name, (map.metadata, part))),
            Some(Err(error)) => drop(kept.broken.insert(name, error.to_string())),
        }
    }
    kept.ledger = shards::join(kept.shards.values().map(|(_, part)| part));
    Ok(kept)
}

/// Writes one part of the ledger over what was read, or removes it.
///
/// # Errors
///
/// What the server says.
pub async fn write(
    session: &Session,
    writer: &Writer,
    name: &str,
    part: Option<&Ledger>,
    read: Option<&ObjectMeta>,
) -> Result<()> {
    let maps = records(session);
    let Some(part) = part else {
        return match read {
            Some(read) => maps.delete(writer, read).await.map(drop),
            None => Ok(()),
        };
    };
    let text = serde_json::to_string(part)
        .map_err(|error| Error::failed("the ledger cannot be written").with_source(error))?;
    let mut metadata = objects::metadata(name, Some(SYSTEM_NAMESPACE));
    let labels = metadata.labels.get_or_insert_default();
    labels.insert(meta::RECORD.to_owned(), meta::LEDGER_RECORD.to_owned());
    let mut map = ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
        ..ConfigMap::default()
    };
    let data = map.data.clone();
    let is_kept = |found: &ConfigMap| found.data == data;
    match read {
        None => maps.create(writer, &map, is_kept).await,
        Some(read) => {
            map.metadata
                .resource_version
                .clone_from(&read.resource_version);
            map.metadata.uid.clone_from(&read.uid);
            maps.replace(writer, &map, is_kept).await
        }
    }
    .map(drop)
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
