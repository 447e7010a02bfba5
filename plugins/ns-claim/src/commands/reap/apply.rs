//! What the reaper writes: warnings, records, and, last, deletions.

use std::collections::BTreeMap;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::clock;
use groundcrew::client::errors::explain;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::DryRun;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::{Writer, is_conflict, is_not_found};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Event, EventSource, Namespace, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::PostParams;
use serde_json::json;

use super::decide::{Decision, Record, Rules, What, decide};
use super::observe::{Observed, load_balancers};
use crate::cluster::index::{self, Change};
use crate::cluster::ledger::KEY;
use crate::cluster::records::{records, writer};
use crate::cluster::tombstones;
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::{Entry, Ledger, Tombstone, is_recorded};
use crate::model::meta::{self, FIELD_MANAGER};
use crate::model::objects;
use crate::model::steps::Outcome;

/// How a write ended that only counts if nothing changed in the meantime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is done.
    Done(Vec<String>),
    /// Someone was faster; the next run looks again.
    Overtaken,
    /// It is gone already.
    Gone,
}

/// One run's connection and what it saw. In a client dry run it sends nothing, in a server dry
/// run everything.
pub struct Reaper<'a> {
    pub session: &'a Session,
    pub interrupt: &'a Interrupt,
    pub rules: &'a Rules,
    pub observed: &'a Observed,
    pub dry_run: DryRun,
}

impl Reaper<'_> {
    /// Returns how this run writes.
    pub fn writer(&self) -> Writer {
        Writer {
            force_conflicts: true,
            ..writer(self.dry_run)
        }
    }

    /// Warns the owner: an annotation that counts, and an event that is seen.
    pub async fn warn(&self, claim: &Claim, goes: Timestamp) -> Result<Ended> {
        if self.dry_run == DryRun::Client {
            return Ok(Ended::Done(Vec::new()));
        }
        let now = self.observed.clock.now();
        let namespaces = self.session.of::<Namespace>();
        let patch = json!({"metadata": {"annotations": {meta::WARNED: now.to_string()}}});
        let writer = self.writer();
        match writer.merge(namespaces.api(), &claim.read(), patch).await {
            Ok(_) => {}
            Err(error) if is_conflict(&error) => return Ok(Ended::Overtaken),
            Err(error) if is_not_found(&error) => return Ok(Ended::Gone),
            Err(error) => return Err(namespaces.explain("patch", &claim.name, error)),
        }
        self.event(claim, goes, now).await?;
        Ok(Ended::Done(Vec::new()))
    }

    /// Leaves an event in the claim itself, where its people look.
    async fn event(&self, claim: &Claim, goes: Timestamp, now: Timestamp) -> Result<()> {
        let name = &claim.name;
        let event = Event {
            metadata: ObjectMeta {
                generate_name: Some("ns-claim-".to_owned()),
                namespace: Some(name.clone()),
                ..ObjectMeta::default()
            },
            involved_object: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Namespace".to_owned()),
                name: Some(name.clone()),
                namespace: Some(name.clone()),
                uid: Some(claim.uid.clone()),
                ..ObjectReference::default()
            },
            type_: Some("Warning".to_owned()),
            reason: Some("ClaimEnds".to_owned()),
            message: Some(format!(
                "this namespace will be deleted after {goes}; to keep it: kubectl ns-claim extend {name} --by 4h"
            )),
            source: Some(EventSource {
                component: Some(FIELD_MANAGER.to_owned()),
                host: None,
            }),
            first_timestamp: Some(Time(now)),
            last_timestamp: Some(Time(now)),
            count: Some(1),
            ..Event::default()
        };
        let events = self.session.in_(name).of::<Event>();
        let params = PostParams {
            dry_run: self.dry_run == DryRun::Server,
            ..PostParams::default()
        };
        match events.api().create(&params, &event).await {
            Ok(_) => Ok(()),
            // Nobody reads the events of what is going.
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => {
                let terminating = groundcrew::write::status(&error)
                    .is_some_and(|status| status.message.contains("being terminated"));
                if terminating {
                    return Ok(());
                }
                Err(explain(error, &events.doing("create")))
            }
        }
    }

    /// Writes down one thing that this run saw.
    pub async fn record(&self, record: &Record) -> Result<Outcome> {
        if self.dry_run == DryRun::Client || record.outcome == Outcome::Unchanged {
            return Ok(record.outcome);
        }
        match &record.what {
            What::Tombstone(map) => {
                // The one of a deletion says more, and was there first.
                match records(self.session)
                    .create(&self.writer(), map, |_| true)
                    .await
                {
                    Ok(_) => {}
                    Err(error) if error.is_conflict() => return Ok(Outcome::Unchanged),
                    Err(error) => return Err(error),
                }
            }
            What::Ledger(next) => self.keep(next).await?,
            What::Hold { name, owner } => self.entry(name, owner, true).await?,
            What::Free { name, owner } => self.entry(name, owner, false).await?,
        }
        Ok(record.outcome)
    }

    async fn keep(&self, next: &Ledger) -> Result<()> {
        // A ConfigMap holds 1 MiB, which is some 3,000 claims without blanks.
        let text = serde_json::to_string(next)
            .map_err(|error| Error::failed("the ledger cannot be written").with_source(error))?;
        let mut map = ConfigMap {
            metadata: objects::metadata(meta::LEDGER, Some(SYSTEM_NAMESPACE)),
            data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
            ..ConfigMap::default()
        };
        let data = map.data.clone();
        let is_kept = |found: &ConfigMap| found.data == data;
        let (maps, writer) = (records(self.session), self.writer());
        let kept = match &self.observed.ledger_read {
            None => maps.create(&writer, &map, is_kept).await,
            Some(read) => {
                map.metadata
                    .resource_version
                    .clone_from(&read.resource_version);
                map.metadata.uid.clone_from(&read.uid);
                maps.replace(&writer, &map, is_kept).await
            }
        };
        kept.map(drop)
    }

    /// Puts an entry into the index or takes it out; what others do not let it, the next run does.
    async fn entry(&self, name: &str, owner: &str, held: bool) -> Result<()> {
        let (session, interrupt) = (self.session, self.interrupt);
        let dry_run = self.dry_run == DryRun::Server;
        let updated = if held {
            let decide = |index: &Index| match index.holders.get(name) {
                Some(_) => Change::Keep,
                None => Change::Put(owner.to_owned()),
            };
            index::update(session, interrupt, None, name, dry_run, decide)
                .await
                .map(drop)
        } else {
            index::free(session, interrupt, name, owner, dry_run).await
        };
        updated.or_else(|error| match error.kind() {
            Kind::Conflict => Ok(()),
            _ => Err(error),
        })
    }

    /// Returns what stays when a claim is deleted.
    async fn outlives(
        &self,
        name: &str,
        volumes: &BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<String>> {
        let mut outlived_by = load_balancers(self.session, name).await?;
        outlived_by.extend(volumes.get(name).cloned().unwrap_or_default());
        Ok(outlived_by)
    }

    /// Deletes a claim: a fresh look, what outlives it, a tombstone, and the deletion of exactly
    /// what was looked at.
    pub async fn delete(
        &self,
        claim: &Claim,
        ledger: &Ledger,
        volumes: &BTreeMap<String, Vec<String>>,
    ) -> Result<Ended> {
        let name = &claim.name;
        if self.dry_run == DryRun::Client {
            return Ok(Ended::Done(self.outlives(name, volumes).await?));
        }
        let namespaces = self.session.of::<Namespace>();
        let path = format!("/api/v1/namespaces/{name}");
        let (found, clock) = clock::get::<Namespace>(self.session, &path)
            .await
            .map_err(|error| namespaces.explain("get", name, error))?;
        clock.check()?;
        let Some(fresh) = found.as_ref().and_then(Claim::of) else {
            return Ok(Ended::Gone);
        };
        let now = clock.now();
        let recorded = is_recorded(&fresh, &self.observed.index, ledger);
        let still = decide(&fresh, recorded, self.rules, now);
        if fresh.uid != claim.uid || still != Decision::Delete {
            return Ok(Ended::Overtaken);
        }
        let outlived_by = self.outlives(name, volumes).await?;
        let entry = ledger
            .claims
            .get(&fresh.uid)
            .cloned()
            .unwrap_or_else(|| Entry {
                name: name.clone(),
                owner: fresh.owner.clone().unwrap_or_default(),
                ..Entry::default()
            });
        let by = format!("reaper ({})", self.observed.me);
        let mut tombstone = Tombstone::new(&fresh.uid, entry, now, &by);
        tombstone.outlived_by.clone_from(&outlived_by);
        let (maps, writer) = (records(self.session), self.writer());
        let buried = maps.apply(&writer, &tombstones::map(&tombstone)?).await?;
        match writer.delete(namespaces.api(), &fresh.read()).await {
            Ok(true) => {
                let owner = fresh.owner.clone().unwrap_or_default();
                self.entry(name, &owner, false).await?;
                Ok(Ended::Done(outlived_by))
            }
            Ok(false) => Ok(Ended::Gone),
            Err(error) => {
                let overtaken = is_conflict(&error);
                if overtaken || groundcrew::write::status(&error).is_some() {
                    // It lives, so nothing is buried. A stone that stays is passed over by the
                    // report, and the next deletion writes it again.
                    let _ = maps.delete(&writer, &buried.metadata).await;
                }
                if overtaken {
                    return Ok(Ended::Overtaken);
                }
                Err(namespaces.explain("delete", name, error))
            }
        }
    }
}
