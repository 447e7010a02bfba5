//! Tombstones: what is left of a claim, one ConfigMap each, for so long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::errors::explain;
use groundcrew::client::{Session, pages};
use groundcrew::error::Result;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Writer;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;

use super::records::records;
use crate::model::ledger::Tombstone;
use crate::model::view::between;
use crate::model::{meta, objects};

/// Key of a tombstone's data.
pub const STONE: &str = "tombstone.json";

/// How often the reaper looks for old tombstones: they are many, and none is urgent.
const EVERY: Duration = Duration::from_secs(86_400);

/// Tombstones that one run removes; the next goes on.
const AT_ONCE: usize = 500;

/// Returns the selector of tombstones.
#[must_use]
pub fn selector() -> String {
    format!("{}={}", meta::RECORD, meta::TOMBSTONE)
}

/// Returns the ConfigMap of a tombstone; its name is that of the claim with a part of its UID, so
/// that a claim is buried once.
///
/// # Errors
///
/// Only when it has no form in JSON.
pub fn map(tombstone: &Tombstone) -> Result<ConfigMap> {
    let uid: String = tombstone.uid.chars().take(8).collect();
    let name = format!("{}-{}-{uid}", meta::TOMBSTONE, tombstone.claim.name);
    let mut metadata = objects::metadata(&name, Some(SYSTEM_NAMESPACE));
    metadata
        .labels
        .get_or_insert_default()
        .insert(meta::RECORD.to_owned(), meta::TOMBSTONE.to_owned());
    Ok(ConfigMap {
        metadata,
        data: Some(BTreeMap::from([(
            STONE.to_owned(),
            groundcrew::output::json(tombstone)?,
        )])),
        ..ConfigMap::default()
    })
}

/// Says whether it is time to look for old tombstones.
#[must_use]
pub fn is_time(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| between(last, now) >= EVERY)
}

/// Says whether a tombstone has been kept for long enough. One that does not say when it was made
/// is kept.
fn is_old(metadata: &ObjectMeta, keep: Duration, now: Timestamp) -> bool {
    let made = metadata.creation_timestamp.as_ref().map(|time| time.0);
    made.is_some_and(|made| between(made, now) > keep)
}

/// Reads every tombstone, and the names of those that cannot be read.
///
/// # Errors
///
/// What the server says.
pub async fn read_all(session: &Session) -> Result<(Vec<Tombstone>, Vec<String>)> {
    let maps = records(session);
    let params = ListParams::default().labels(&selector());
    let add = |(stones, broken): &mut (Vec<Tombstone>, Vec<String>), map: ConfigMap| {
        let text = map.data.as_ref().and_then(|data| data.get(STONE));
        match text.and_then(|text| serde_json::from_str(text).ok()) {
            Some(stone) => stones.push(stone),
            None => broken.push(map.metadata.name.unwrap_or_default()),
        }
    };
    pages::fold(maps.api(), &params, add)
        .await
        .map_err(|error| explain(error, &maps.doing("list")))
}

/// Returns the names of all tombstones.
///
/// # Errors
///
/// What the server says.
pub async fn names(session: &Session) -> Result<BTreeSet<String>> {
    let params = ListParams::default().labels(&selector());
    let found = records(session).list_metadata(&params).await?;
    Ok(found.into_iter().filter_map(|found| found.name).collect())
}

/// Finds the tombstones that were kept for long enough, as many as one run removes, and says
/// whether those are all.
///
/// # Errors
///
/// What the server says.
pub async fn old(
    session: &Session,
    keep: Duration,
    now: Timestamp,
) -> Result<(Vec<ObjectMeta>, bool)> {
    let params = ListParams::default().labels(&selector());
    let mut old = records(session).list_metadata(&params).await?;
    old.retain(|metadata| is_old(metadata, keep, now));
    let all = old.len() <= AT_ONCE;
    old.truncate(AT_ONCE);
    Ok((old, all))
}

/// Removes tombstones; returns how many.
///
/// # Errors
///
/// What the server says; interrupted.
pub async fn remove(
    session: &Session,
    interrupt: &Interrupt,
    old: &[ObjectMeta],
    writer: &Writer,
) -> Result<usize> {
    let maps = records(session);
    let mut removed = 0;
    for metadata in old {
        interrupt.check()?;
        match maps.delete(writer, metadata).await {
            Ok(true) => removed += 1,
            Ok(false) => {}
            // Someone wrote it in the meantime: it is looked at again tomorrow.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::model::claim::tests::at;

    #[test]
    fn a_tombstone_is_kept_for_as_long_as_said_and_one_without_a_time_forever() {
        let made = |when: Option<&str>| ObjectMeta {
            creation_timestamp: when.map(|when| Time(at(when))),
            ..ObjectMeta::default()
        };
        let (keep, now) = (Duration::from_secs(3600), at("2026-11-21T12:00:00Z"));
        assert!(!is_old(&made(Some("2026-11-21T11:00:00Z")), keep, now));
        assert!(is_old(&made(Some("2026-11-21T10:59:59Z")), keep, now));
        assert!(!is_old(&made(None), keep, now));
    }

    #[test]
    fn old_tombstones_are_looked_for_once_a_day() {
        let now = at("2026-11-21T12:00:00Z");
        assert!(is_time(None, now));
        assert!(!is_time(Some(at("2026-11-20T12:00:01Z")), now));
        assert!(is_time(Some(at("2026-11-20T12:00:00Z")), now));
    }
}
