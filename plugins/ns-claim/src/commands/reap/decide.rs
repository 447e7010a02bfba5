//! What becomes of one claim at one moment. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use crate::model::claim::{Claim, Expires};
use crate::model::ledger::{Advance, Ledger};
use crate::model::meta;
use crate::model::objects::record;
use crate::model::settings::Settings;
use crate::model::shards;
use crate::model::steps::Outcome;
use crate::model::view::{View, between};

/// How long a namespace may be going before that is worth a word.
const STUCK: Duration = Duration::from_secs(900);

/// By what it is decided.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What the installation says.
    pub settings: Settings,
    /// How long before its end an owner is warned.
    pub warn: Duration,
    /// How long after the warning nothing is deleted.
    pub grace: Duration,
}

/// What becomes of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: its end is far, or it is protected.
    Keep,
    /// It is kept, and someone should look at it.
    Report(String),
    /// Its owner is warned now.
    Warn(Timestamp),
    /// Its owner was warned; it is deleted at this time.
    Wait(Timestamp),
    /// It goes now.
    Delete,
    /// It is going.
    Going,
}

/// Decides. `recorded` says that a claim made the namespace: the index or the reaper's ledger
/// knows it.
#[must_use]
pub fn decide(claim: &Claim, recorded: bool, rules: &Rules, now: Timestamp) -> Decision {
    if let Some(blockers) = &claim.terminating {
        return going(claim, blockers, now);
    }
    if meta::is_reserved(&claim.name) {
        return attention("carries the claim label and is a system namespace");
    }
    if claim.protected_by.is_some() {
        return Decision::Keep;
    }
    let Some(life) = claim.lifetime(&rules.settings) else {
        return Decision::Report(unreadable(&claim.expires));
    };
    let Some(owner) = &claim.owner else {
        return attention("carries the claim label and has no owner");
    };
    if !recorded {
        return Decision::Report(format!(
            "carries the claim label and names {owner} as its owner, but no claim is on record for it"
        ));
    }
    let warn_from = life.ends.checked_sub(rules.warn).unwrap_or(life.ends);
    if now < warn_from {
        return Decision::Keep;
    }
    if !claim.was_warned(life.ends, rules.warn, now) {
        return Decision::Warn(after(now, rules.grace).max(life.ends));
    }
    let warned_at = claim.warned_at.unwrap_or(now);
    let due = after(warned_at, rules.grace).max(life.ends);
    if now < due {
        Decision::Wait(due)
    } else {
        Decision::Delete
    }
}

fn attention(why: &str) -> Decision {
    Decision::Report(why.to_owned())
}

fn unreadable(expires: &Expires) -> String {
    match expires {
        Expires::Missing => "has no expiry, so it is kept".to_owned(),
        Expires::Garbled(text) => {
            let text: String = text.chars().take(40).collect();
            format!("its expiry {text:?} is not a time, so it is kept")
        }
        Expires::At(_) => "has no creation time, so it is kept".to_owned(),
    }
}

fn going(claim: &Claim, blockers: &[String], now: Timestamp) -> Decision {
    let stuck = claim
        .deleted_at
        .is_some_and(|since| between(since, now) > STUCK);
    if !stuck {
        return Decision::Going;
    }
    let why = if blockers.is_empty() {
        "the server does not say why".to_owned()
    } else {
        blockers.join("; ")
    };
    Decision::Report(format!("is stuck terminating: {why}"))
}

fn after(from: Timestamp, span: Duration) -> Timestamp {
    from.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// One claim, what was decided about it, and what became of that.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The claim as it was read.
    #[serde(skip)]
    pub read: Claim,
    /// What was decided.
    #[serde(skip)]
    pub decision: Decision,
    /// The claim as people read it.
    pub claim: View,
    /// What was decided, or done.
    pub action: Action,
    /// Why, or what else there is to know.
    pub detail: String,
}

/// What was decided, or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Nothing to do.
    Kept,
    /// Someone should look at it.
    Attention,
    /// Its owner was warned.
    Warned,
    /// Warned; its time is not over.
    Waiting,
    /// It is due.
    Due,
    /// It was deleted.
    Deleted,
    /// Someone changed it in the meantime; the next run looks again.
    Changed,
    /// It is going.
    Going,
    /// What was tried failed; the next run tries again.
    Failed,
}

/// A record that could not be read or written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `kind/namespace/name`.
    pub object: String,
    /// The server's words.
    pub why: String,
}

/// What a run did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Claims that were looked at.
    pub claims: usize,
    /// Claims that are due.
    pub due: usize,
    /// Nothing was written.
    pub dry_run: bool,
    /// More are due than a run deletes; the oldest went.
    pub stopped: bool,
    /// Records that could not be read or written; nobody's claim waits for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Records of claims that ended long ago, and were removed.
    pub records_removed: usize,
    /// One for each claim.
    pub rows: Vec<Step>,
}

impl Report {
    /// Returns what the process ends with.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let any = |action| self.rows.iter().any(|row| row.action == action);
        if self.stopped {
            Exit::Incomplete
        } else if any(Action::Failed) || any(Action::Attention) || !self.problems.is_empty() {
            // One claim that does not go is no failed run: the others went.
            Exit::No
        } else {
            Exit::Done
        }
    }
}

impl Step {
    /// Returns what is to be done about a claim.
    #[must_use]
    pub fn new(claim: &Claim, decision: Decision, settings: &Settings, now: Timestamp) -> Self {
        let (action, detail) = match &decision {
            Decision::Keep => (Action::Kept, String::new()),
            Decision::Report(why) => (Action::Attention, why.clone()),
            Decision::Warn(goes) => (Action::Warned, format!("will be deleted after {goes}")),
            Decision::Wait(goes) => (Action::Waiting, format!("will be deleted after {goes}")),
            Decision::Delete => (Action::Due, String::new()),
            Decision::Going => {
                let keeps = claim.terminating.clone().unwrap_or_default();
                (Action::Going, keeps.join("; "))
            }
        };
        Self {
            read: claim.clone(),
            decision,
            claim: View::of(claim, settings, now),
            action,
            detail,
        }
    }
}

/// Says what was decided, before anything is done.
#[must_use]
pub fn report(rows: Vec<Step>, dry_run: bool) -> Report {
    let due = rows.iter().filter(|row| row.action == Action::Due).count();
    Report {
        claims: rows.len(),
        due,
        dry_run,
        stopped: false,
        problems: Vec::new(),
        records_removed: 0,
        rows,
    }
}

/// Returns the rows that are due, the one that ended first at the front.
#[must_use]
pub fn oldest_first(rows: &[Step]) -> Vec<usize> {
    let mut due: Vec<usize> = (0..rows.len())
        .filter(|row| rows[*row].decision == Decision::Delete)
        .collect();
    due.sort_by_key(|row| (rows[*row].claim.ends_at, rows[*row].read.name.clone()));
    due
}

/// One thing that a run changes beside the claims.
#[derive(Clone, Debug)]
pub struct Record {
    /// What it is.
    pub what: What,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// What the reaper keeps about claims.
#[derive(Clone, Debug)]
pub enum What {
    /// What is left of a claim that someone else ended.
    Tombstone(Box<ConfigMap>),
    /// A part of what the reaper remembers; `None` when it is not needed any more.
    Ledger(String, Option<Box<Ledger>>),
    /// A place in the index that a claim has again.
    Hold { name: String, owner: String },
    /// A place in the index that no claim needs.
    Free { name: String, owner: String },
}

impl Record {
    /// Returns `kind/namespace/name`.
    #[must_use]
    pub fn object(&self) -> String {
        let name = match &self.what {
            What::Tombstone(map) => map.metadata.name.as_deref().unwrap_or_default(),
            What::Ledger(name, _) => name,
            What::Hold { .. } | What::Free { .. } => meta::INDEX,
        };
        record(name)
    }
}

/// Returns what is to be written down, in this order: tombstones first, then the ledger that
/// forgets the ended, its first part last, then what is in no part any more. `before` has the parts
/// that are there.
///
/// # Errors
///
/// Only when an entry has no form in JSON.
pub fn records(
    advance: &Advance,
    tombstones: Vec<ConfigMap>,
    before: &BTreeMap<String, Ledger>,
) -> Result<Vec<Record>> {
    let configured = |what| Record {
        what,
        outcome: Outcome::Configured,
    };
    let mut records: Vec<Record> = tombstones
        .into_iter()
        .map(|map| Record {
            what: What::Tombstone(Box::new(map)),
            outcome: Outcome::Created,
        })
        .collect();
    let parts = shards::split(&advance.ledger)?;
    let left: Vec<String> = before
        .keys()
        .filter(|name| !parts.contains_key(*name))
        .cloned()
        .collect();
    records.extend(parts.into_iter().rev().map(|(name, part)| Record {
        outcome: match before.get(&name) {
            None => Outcome::Created,
            Some(before) if *before == part => Outcome::Unchanged,
            Some(_) => Outcome::Configured,
        },
        what: What::Ledger(name, Some(Box::new(part))),
    }));
    records.extend(left.into_iter().map(|name| Record {
        what: What::Ledger(name, None),
        outcome: Outcome::Deleted,
    }));
    let pair = |(name, owner): &(String, String)| (name.clone(), owner.clone());
    records.extend(advance.restore.iter().map(|entry| {
        let (name, owner) = pair(entry);
        configured(What::Hold { name, owner })
    }));
    records.extend(advance.drop.iter().map(|entry| {
        let (name, owner) = pair(entry);
        configured(What::Free { name, owner })
    }));
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::{at, claim};

    fn rules() -> Rules {
        Rules {
            settings: Settings::default(),
            warn: Duration::from_secs(3600),
            grace: Duration::from_secs(1800),
        }
    }

    fn decided(claim: &Claim, now: &str) -> Decision {
        decide(claim, true, &rules(), at(now))
    }

    fn warned(claim: Claim, when: &str) -> Claim {
        Claim {
            warned_at: Some(at(when)),
            ..claim
        }
    }

    #[test]
    fn a_claim_is_kept_warned_waited_for_and_deleted_in_this_order() {
        // It ends at 20:00.
        assert_eq!(decided(&claim(), "2026-11-21T18:59:59Z"), Decision::Keep);
        let first = decided(&claim(), "2026-11-21T19:10:00Z");
        assert_eq!(first, Decision::Warn(at("2026-11-21T20:00:00Z")));
        let warned = warned(claim(), "2026-11-21T19:10:00Z");
        let wait = Decision::Wait(at("2026-11-21T20:00:00Z"));
        assert_eq!(decided(&warned, "2026-11-21T19:59:59Z"), wait);
        assert_eq!(decided(&warned, "2026-11-21T20:00:00Z"), Decision::Delete);
    }

    #[test]
    fn what_was_never_warned_is_never_deleted_however_late() {
        let late = decided(&claim(), "2026-11-22T20:00:00Z");
        assert_eq!(late, Decision::Warn(at("2026-11-22T20:30:00Z")));
    }

    #[test]
    fn the_grace_runs_from_the_warning() {
        let late = warned(claim(), "2026-11-21T23:00:00Z");
        let wait = Decision::Wait(at("2026-11-21T23:30:00Z"));
        assert_eq!(decided(&late, "2026-11-21T23:29:59Z"), wait);
        assert_eq!(decided(&late, "2026-11-21T23:30:00Z"), Decision::Delete);
    }

    #[test]
    fn an_extended_claim_is_warned_again() {
        let extended = Claim {
            expires: Expires::At(at("2026-11-22T08:00:00Z")),
            ..warned(claim(), "2026-11-21T19:10:00Z")
        };
        assert_eq!(decided(&extended, "2026-11-21T20:00:00Z"), Decision::Keep);
        let again = decided(&extended, "2026-11-22T09:00:00Z");
        assert!(matches!(again, Decision::Warn(_)));
    }

    #[test]
    fn an_end_in_2099_dies_at_the_cap() {
        let forever = Claim {
            expires: Expires::At(at("2099-01-01T00:00:00Z")),
            ..claim()
        };
        assert_eq!(decided(&forever, "2026-11-28T10:59:59Z"), Decision::Keep);
        let warned = warned(forever, "2026-11-28T11:00:00Z");
        assert_eq!(decided(&warned, "2026-11-28T12:00:00Z"), Decision::Delete);
    }

    #[test]
    fn what_must_not_be_deleted_is_kept_long_after_its_end() {
        let due = warned(claim(), "2026-11-21T19:10:00Z");
        let now = "2027-11-21T20:00:00Z";
        let long = |claim: &Claim| decided(claim, now);
        assert_eq!(long(&due), Decision::Delete, "else the rest proves nothing");
        let protected = Claim {
            protected_by: Some("carol".to_owned()),
            ..due.clone()
        };
        assert_eq!(long(&protected), Decision::Keep);
        for expires in [Expires::Missing, Expires::Garbled("soon".to_owned())] {
            let broken = Claim {
                expires,
                ..due.clone()
            };
            assert!(matches!(long(&broken), Decision::Report(_)));
        }
        for name in ["kube-system", "default", "openshift-x", "groundcrew-system"] {
            let reserved = Claim {
                name: name.to_owned(),
                ..due.clone()
            };
            assert!(matches!(long(&reserved), Decision::Report(_)), "{name}");
        }
        let nobody = Claim {
            owner: None,
            ..due.clone()
        };
        assert!(matches!(long(&nobody), Decision::Report(_)));
        let unrecorded = decide(&due, false, &rules(), at(now));
        assert!(matches!(unrecorded, Decision::Report(_)));
    }

    #[test]
    fn a_namespace_that_does_not_go_is_reported_with_what_keeps_it() {
        let going = Claim {
            terminating: Some(vec!["NamespaceFinalizersRemaining: x".to_owned()]),
            deleted_at: Some(at("2026-11-21T20:00:00Z")),
            ..claim()
        };
        assert_eq!(decided(&going, "2026-11-21T20:10:00Z"), Decision::Going);
        let Decision::Report(why) = decided(&going, "2026-11-21T20:20:00Z") else {
            panic!("it is stuck");
        };
        assert!(why.contains("FinalizersRemaining"), "{why}");
    }
}
