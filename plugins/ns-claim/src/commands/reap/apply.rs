//! What the reaper writes: warnings, records, and, last, deletions.

use std::collections::BTreeMap;

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::{Writer, is_conflict, is_not_found};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Event, EventSource, Namespace, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use super::decide::{Decision, Rules, decide};
use super::observe::{Observed, load_balancers};
use crate::cluster::index::{self, Change};
use crate::cluster::ledger::KEY;
use crate::cluster::tombstones;
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::ledger::{Advance, Entry, Ledger, Tombstone, is_recorded};
use crate::model::meta::{self, FIELD_MANAGER};
use crate::model::objects;
use groundcrew::client::clock;

/// How a write ended that only counts if nothing changed in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is done.
    Done(Vec<String>),
    /// Somebody was faster; the next run looks again.
    Overtaken,
    /// It is gone already.
    Gone,
}

/// One run's connection and what it saw.
pub struct Reaper<'a> {
    pub session: &'a Session,
    pub rules: &'a Rules,
    pub observed: &'a Observed,
}

impl Reaper<'_> {
    fn writer() -> Writer {
        Writer {
            field_manager: FIELD_MANAGER.to_owned(),
            dry_run: false,
            force_conflicts: true,
        }
    }

    fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.session.client.clone(), SYSTEM_NAMESPACE)
    }

    /// Warns the owner: an annotation that counts, and an event that is seen.
    pub async fn warn(&self, claim: &Claim, goes: Timestamp) -> Result<Ended> {
        let now = self.observed.clock.now();
        let api = Api::<Namespace>::all(self.session.client.clone());
        let patch = json!({"metadata": {
            "uid": claim.uid,
            "resourceVersion": claim.resource_version,
            "annotations": {meta::WARNED: now.to_string()},
        }});
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let doing = Doing::new("patch", "namespaces").named(&claim.name);
        match api.patch(&claim.name, &params, &Patch::Merge(patch)).await {
            Ok(_) => {}
            Err(error) if is_conflict(&error) => return Ok(Ended::Overtaken),
            Err(error) if is_not_found(&error) => return Ok(Ended::Gone),
            Err(error) => return Err(explain(error, &doing)),
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
                "this namespace is deleted after {goes}; to keep it: kubectl ns-claim extend {name} --by 4h"
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
        let api = Api::<Event>::namespaced(self.session.client.clone(), name);
        match api.create(&PostParams::default(), &event).await {
            Ok(_) => Ok(()),
            // Nobody reads the events of what is going.
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => {
                let terminating = groundcrew::write::status(&error)
                    .is_some_and(|status| status.message.contains("being terminated"));
                if terminating {
                    return Ok(());
                }
                Err(explain(error, &Doing::new("create", "events").within(name)))
            }
        }
    }

    /// Writes down what this run saw: tombstones first, then the ledger that forgets the ended.
    pub async fn remember(&self, advance: &Advance) -> Result<()> {
        for tombstone in &advance.ended {
            // The one of a deletion says more, and was there first.
            let map = tombstones::map(tombstone)?;
            let made = Self::writer().create(&self.maps(), &map, |_| true).await;
            if let Err(error) = made
                && !is_conflict(&error)
            {
                return Err(explain(
                    error,
                    &Doing::new("create", "configmaps").within(SYSTEM_NAMESPACE),
                ));
            }
        }
        self.keep(&advance.ledger).await?;
        let changes = advance
            .restore
            .iter()
            .map(|(name, owner)| (name, owner, true))
            .chain(
                advance
                    .drop
                    .iter()
                    .map(|(name, owner)| (name, owner, false)),
            );
        for (name, owner, held) in changes {
            self.entry(name, owner, held).await?;
        }
        Ok(())
    }

    async fn keep(&self, next: &Ledger) -> Result<()> {
        if *next == self.observed.ledger && self.observed.ledger_read.is_some() {
            return Ok(());
        }
        // A ConfigMap holds 1 MiB, which is some 3,000 claims without blanks.
        let text = serde_json::to_string(next)
            .map_err(|error| Error::failed("the ledger cannot be written").with_source(error))?;
        let mut map = ConfigMap {
            metadata: objects::metadata(meta::LEDGER, Some(SYSTEM_NAMESPACE)),
            data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
            ..ConfigMap::default()
        };
        let doing = |verb| {
            Doing::new(verb, "configmaps")
                .named(meta::LEDGER)
                .within(SYSTEM_NAMESPACE)
        };
        let data = map.data.clone();
        match &self.observed.ledger_read {
            None => {
                let made = Self::writer()
                    .create(&self.maps(), &map, |found| found.data == data)
                    .await;
                made.map_err(|error| explain(error, &doing("create")))?;
            }
            Some(read) => {
                map.metadata
                    .resource_version
                    .clone_from(&read.resource_version);
                map.metadata.uid.clone_from(&read.uid);
                let kept = Self::writer()
                    .replace(&self.maps(), &map, |found| found.data == data)
                    .await;
                kept.map_err(|error| explain(error, &doing("update")))?;
            }
        }
        Ok(())
    }

    /// Puts an entry into the index or takes it out; what others do not let it, the next run does.
    async fn entry(&self, name: &str, owner: &str, held: bool) -> Result<()> {
        let updated = if held {
            let change = |index: &Index| {
                Ok(match index.holders.get(name) {
                    Some(_) => Change::Keep,
                    None => Change::Put(owner.to_owned()),
                })
            };
            index::update(self.session, None, name, false, change)
                .await
                .map(drop)
        } else {
            index::free(self.session, name, owner).await
        };
        updated.or_else(|error| match error.kind() {
            Kind::Conflict => Ok(()),
            _ => Err(error),
        })
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
        let path = format!("/api/v1/namespaces/{name}");
        let doing = Doing::new("get", "namespaces").named(name);
        let (found, clock) = clock::get::<Namespace>(self.session, &path)
            .await
            .map_err(|error| explain(error, &doing))?;
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
        let mut outlived_by = load_balancers(self.session, name).await?;
        outlived_by.extend(volumes.get(name).cloned().unwrap_or_default());
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
        let map = tombstones::map(&tombstone)?;
        let buried = Self::writer()
            .apply(&self.maps(), &map)
            .await
            .map_err(|error| {
                explain(
                    error,
                    &Doing::new("patch", "configmaps").within(SYSTEM_NAMESPACE),
                )
            })?;
        let api = Api::<Namespace>::all(self.session.client.clone());
        let read = ObjectMeta {
            name: Some(name.clone()),
            uid: Some(fresh.uid.clone()),
            resource_version: Some(fresh.resource_version.clone()),
            ..ObjectMeta::default()
        };
        match Self::writer().delete(&api, &read).await {
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
                    // report, and the next deletion writes it anew.
                    let _ = Self::writer().delete(&self.maps(), &buried.metadata).await;
                }
                if overtaken {
                    return Ok(Ended::Overtaken);
                }
                Err(explain(
                    error,
                    &Doing::new("delete", "namespaces").named(name),
                ))
            }
        }
    }
}
