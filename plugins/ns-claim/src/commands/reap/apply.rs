//! What the reaper writes: warnings, records, and, last, deletions.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::errors::explain;
use groundcrew::error::Result;
use groundcrew::flags::DryRun;
use groundcrew::write::{Writer, is_conflict, is_not_found};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, Namespace, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::PostParams;
use serde_json::json;

use super::decide::{Decision, Record, Rules, What, decide};
use super::observe::Observed;
use crate::cluster::ending::{self, Deleted, Kept};
use crate::cluster::index::{self, Change};
use crate::cluster::ledger;
use crate::cluster::records::{records, writer};
use crate::cluster::tombstones;
use crate::model::claim::Claim;
use crate::model::index::{CLOSING, Index};
use crate::model::ledger::{Entry, Ledger, Tombstone, is_recorded};
use crate::model::meta::{self, FIELD_MANAGER};
use crate::model::steps::Outcome;

/// How long every API server has to see that a place is being freed, before it is looked whether its
/// namespace is there after all; milliseconds were measured.
const SETTLES: Duration = Duration::from_secs(2);
/// Namespaces that are looked at together.
const CONCURRENCY: usize = 8;

/// How a write ended that only counts if nothing changed in the meantime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is done.
    Done(Vec<String>),
    /// Someone was faster; the next run looks again.
    Overtaken,
    /// It was changed over and over, so that it could not be deleted.
    Lost,
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
        // Of whatever version: who changes a claim in a loop is warned all the same.
        match writer.merge(namespaces.api(), &claim.by_uid(), patch).await {
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
            What::Ledger(name, part) => {
                let kept = &self.observed.kept.shards;
                let read = kept.get(name).map(|(metadata, _)| metadata);
                let (session, part) = (self.session, part.as_deref());
                ledger::write(session, &self.writer(), name, part, read).await?;
            }
            What::Hold { name, owner } => self.hold(name, owner).await?,
            // All of them at once, when everything else is written: see `free`.
            What::Free { .. } => {}
        }
        Ok(record.outcome)
    }

    /// Puts an entry into the index.
    async fn hold(&self, name: &str, owner: &str) -> Result<()> {
        let decide = |index: &Index| match index.holder(name) {
            Some(_) => Change::Keep,
            None => Change::Put(owner.to_owned()),
        };
        let dry_run = self.dry_run == DryRun::Server;
        index::update(self.session, self.interrupt, None, name, dry_run, decide)
            .await
            .map(drop)
    }

    /// Frees places in the index: marks them, waits until no API server lets a namespace be made for
    /// them any more, looks whether one was made after all, and only then removes them.
    ///
    /// Without the first step, a claimer could make a namespace while its entry is removed.
    pub async fn free(&self, places: &[(String, String)]) -> Result<()> {
        if places.is_empty() || self.dry_run == DryRun::Client {
            return Ok(());
        }
        let dry_run = self.dry_run == DryRun::Server;
        let closing = |name: &str| format!("{name}{CLOSING}");
        index::rewrite(self.session, self.interrupt, dry_run, |index| {
            let held = places
                .iter()
                .filter(|(name, holder)| index.holders.get(name) == Some(holder));
            held.flat_map(|(name, holder)| {
                [(name.clone(), None), (closing(name), Some(holder.clone()))]
            })
            .collect()
        })
        .await?;
        if dry_run {
            return Ok(());
        }
        let settled = async {
            tokio::time::sleep(SETTLES).await;
            Ok(())
        };
        self.interrupt.guard(settled).await?;
        let namespaces = self.session.of::<Namespace>();
        let owners: BTreeMap<String, Option<String>> = futures::stream::iter(places)
            .map(async |(name, _)| {
                let found = namespaces.find(name).await?;
                let claim = found.as_ref().and_then(Claim::of);
                Ok::<_, groundcrew::error::Error>((name.clone(), claim.and_then(|c| c.owner)))
            })
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        index::rewrite(self.session, self.interrupt, false, |index| {
            let marked = places
                .iter()
                .filter(|(name, holder)| index.holders.get(&closing(name)) == Some(holder));
            marked
                .flat_map(|(name, holder)| {
                    let lives = owners
                        .get(name)
                        .is_some_and(|owner| owner.as_ref() == Some(holder));
                    let back = (lives && !index.holders.contains_key(name))
                        .then(|| (name.clone(), Some(holder.clone())));
                    [Some((closing(name), None)), back].into_iter().flatten()
                })
                .collect()
        })
        .await
    }

    /// Writes down that this run came to its end, where `doctor` and everybody who claims see it.
    pub async fn ran(&self) -> Result<()> {
        let index = &self.observed.index;
        if self.dry_run == DryRun::Client || index.resource_version.is_none() {
            return Ok(());
        }
        let now = self.observed.clock.now();
        index::reaped(self.session, now, self.dry_run == DryRun::Server).await
    }

    /// Shortens the grace of pods that keep what is going; returns their names.
    pub async fn hasten(&self, claim: &Claim) -> Result<Vec<String>> {
        let clock = &self.observed.clock;
        let really = self.dry_run != DryRun::Client;
        ending::hasten(self.session, &claim.name, clock, &self.writer(), really).await
    }

    /// Deletes a claim: a fresh look, what outlives it, a tombstone, and the deletion of exactly
    /// what was looked at; again when it was changed in between.
    pub async fn delete(&self, claim: &Claim, ledger: &Ledger, volumes: &Kept) -> Result<Ended> {
        let name = &claim.name;
        if self.dry_run == DryRun::Client {
            return Ok(Ended::Done(
                ending::outlived_by(self.session, name, volumes).await?,
            ));
        }
        let (found, clock) = ending::fresh(self.session, name).await?;
        clock.check()?;
        let Some(fresh) = found.filter(|fresh| fresh.uid == claim.uid) else {
            return Ok(Ended::Gone);
        };
        let is_due = |claim: &Claim, now: Timestamp| {
            let recorded = is_recorded(claim, &self.observed.index, ledger);
            decide(claim, recorded, self.rules, now) == Decision::Delete
        };
        let now = clock.now();
        if !is_due(&fresh, now) {
            return Ok(Ended::Overtaken);
        }
        let outlived_by = ending::outlived_by(self.session, name, volumes).await?;
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
        let deleted = ending::delete(
            self.session,
            self.interrupt,
            &writer,
            fresh,
            |claim, clock| {
                clock.check()?;
                Ok(is_due(claim, clock.now()))
            },
        )
        .await;
        let lives = match &deleted {
            Ok(deleted) => matches!(deleted, Deleted::Kept | Deleted::Lost),
            // It may be gone where the answer was lost.
            Err(_) => matches!(
                ending::fresh(self.session, name).await,
                Ok((Some(now), _)) if now.uid == claim.uid && now.terminating.is_none()
            ),
        };
        if lives {
            // It lives, so nothing is buried. A stone that stays is passed over by the report, and
            // the next deletion writes it again.
            let _ = maps.delete(&writer, &buried.metadata).await;
        }
        Ok(match deleted? {
            Deleted::Now => Ended::Done(outlived_by),
            Deleted::Gone => Ended::Gone,
            Deleted::Kept => Ended::Overtaken,
            Deleted::Lost => Ended::Lost,
        })
    }
}
