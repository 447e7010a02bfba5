//! What the reaper remembers between its runs, and how one run moves it on. Pure.
//!
//! Owners can remove their entry from the index, but not from here; and what a claim used and when
//! it ended can be told afterwards only if someone looked while it lived.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groundcrew::output::API_VERSION;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::claim::{Claim, Expires};
use crate::model::index::Index;
use crate::model::installation::guard::namespaces::MAX_TEXT;
use crate::model::kind::Kind;
use crate::model::view::between;

/// How long an entry of the index may be without a namespace: a claim is being made.
const UNDER_WAY: Duration = Duration::from_secs(120);

/// Everything remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    pub(crate) api_version: String,
    pub(crate) kind: Kind,
    /// Claims that live, by the UID of their namespace.
    #[serde(default)]
    pub claims: BTreeMap<String, Entry>,
    /// Entries of the index without a namespace, and since when.
    #[serde(default)]
    pub orphans: BTreeMap<String, Timestamp>,
    /// When old tombstones were removed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned_at: Option<Timestamp>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: Kind::ClaimLedger,
            claims: BTreeMap::new(),
            orphans: BTreeMap::new(),
            pruned_at: None,
        }
    }
}

/// One claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Entry {
    /// Name of the namespace.
    pub name: String,
    /// User name of the owner.
    pub owner: String,
    /// Team, as given.
    pub team: Option<String>,
    /// Purpose, as given.
    pub purpose: Option<String>,
    /// When it was made.
    pub claimed_at: Option<Timestamp>,
    /// The end that was seen last.
    pub expires_at: Option<Timestamp>,
    /// How often that end moved on.
    pub extensions: u32,
    /// When it was seen last.
    pub last_seen: Option<Timestamp>,
    /// Requested CPU over time: millicores times seconds, sampled at every run.
    pub cpu_milli_seconds: u64,
    /// Requested memory over time: MiB times seconds, sampled at every run.
    pub memory_mi_seconds: u64,
}

/// What the pods of a namespace request at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Millicores.
    pub cpu_milli: u64,
    /// MiB.
    pub memory_mi: u64,
}

/// What is left of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    api_version: String,
    kind: Kind,
    /// UID of the namespace that was.
    pub uid: String,
    /// The claim.
    #[serde(flatten)]
    pub claim: Entry,
    /// When it ended, as far as was seen.
    pub ended_at: Timestamp,
    /// Who ended it.
    pub ended_by: String,
    /// What outlived it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outlived_by: Vec<String>,
}

impl Tombstone {
    /// Returns what is left of a claim.
    #[must_use]
    pub fn new(uid: &str, claim: Entry, ended_at: Timestamp, ended_by: &str) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: Kind::ClaimTombstone,
            uid: uid.to_owned(),
            claim,
            ended_at,
            ended_by: ended_by.to_owned(),
            outlived_by: Vec::new(),
        }
    }
}

/// What a run changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// What is remembered from now on.
    pub ledger: Ledger,
    /// Entries to put back into the index: name and owner.
    pub restore: Vec<(String, String)>,
    /// Entries of the index whose namespace is gone, or never was made.
    pub drop: Vec<(String, String)>,
    /// Claims that someone else ended since.
    pub ended: Vec<Tombstone>,
}

/// Says whether a claim made the namespace.
#[must_use]
pub fn is_recorded(claim: &Claim, index: &Index, ledger: &Ledger) -> bool {
    let known = ledger.claims.get(&claim.uid);
    known.is_some_and(|entry| entry.name == claim.name)
        || (claim.owner.is_some() && index.holder(&claim.name) == claim.owner.as_deref())
        || (claim.owner.is_some() && claim.born)
}

/// Moves the ledger on to what is there now.
#[must_use]
pub fn advance(
    ledger: &Ledger,
    claims: &[Claim],
    requests: &BTreeMap<String, Requests>,
    index: &Index,
    now: Timestamp,
) -> Advance {
    let mut next = Advance::default();
    next.ledger.pruned_at = ledger.pruned_at;
    for claim in claims
        .iter()
        .filter(|claim| is_recorded(claim, index, ledger))
    {
        let requests = requests.get(&claim.name).copied().unwrap_or_default();
        let entry = seen(ledger.claims.get(&claim.uid), claim, requests, now);
        // What is going counts too: its pods may run on.
        if index.holder(&claim.name).is_none() && !entry.owner.is_empty() {
            next.restore.push((claim.name.clone(), entry.owner.clone()));
        }
        next.ledger.claims.insert(claim.uid.clone(), entry);
    }
    for (uid, entry) in &ledger.claims {
        if !claims.iter().any(|claim| claim.uid == *uid) {
            let tombstone = Tombstone::new(uid, entry.clone(), now, "released");
            next.ended.push(tombstone);
        }
    }
    let alive: BTreeSet<&str> = claims.iter().map(|claim| claim.name.as_str()).collect();
    let seen: BTreeSet<&str> = ledger
        .claims
        .values()
        .map(|entry| entry.name.as_str())
        .collect();
    for (name, holder) in index.held() {
        if alive.contains(name) {
            continue;
        }
        let since = ledger.orphans.get(name).copied().unwrap_or(now);
        // One that was seen to live and is gone is under way no more.
        if seen.contains(name) || between(since, now) >= UNDER_WAY {
            next.drop.push((name.to_owned(), holder.to_owned()));
            // Should this run end before it is freed, the next one frees it at once.
            let long_ago = now.checked_sub(UNDER_WAY).unwrap_or(now).min(since);
            next.ledger.orphans.insert(name.to_owned(), long_ago);
        } else {
            next.ledger.orphans.insert(name.to_owned(), since);
        }
    }
    // An earlier run began to free these.
    let closing = index.closing();
    next.drop
        .extend(closing.map(|(name, holder)| (name.to_owned(), holder.to_owned())));
    next
}

/// Returns the entry of a claim, with what it requested since it was seen last.
#[must_use]
pub fn seen(known: Option<&Entry>, claim: &Claim, requests: Requests, now: Timestamp) -> Entry {
    let mut entry = known.cloned().unwrap_or_default();
    let expires = match claim.expires {
        Expires::At(moment) => Some(moment),
        Expires::Missing | Expires::Garbled(_) => entry.expires_at,
    };
    if entry.expires_at.is_some() && expires > entry.expires_at {
        entry.extensions += 1;
    }
    // Before it was seen first, it is taken to have requested nothing.
    let since = entry
        .last_seen
        .map_or(0, |last| between(last, now).as_secs());
    entry.cpu_milli_seconds = entry
        .cpu_milli_seconds
        .saturating_add(requests.cpu_milli.saturating_mul(since));
    entry.memory_mi_seconds = entry
        .memory_mi_seconds
        .saturating_add(requests.memory_mi.saturating_mul(since));
    entry.name.clone_from(&claim.name);
    entry.owner = claim.owner.clone().unwrap_or(entry.owner);
    entry.team = claim.team.as_deref().map(bounded);
    entry.purpose = claim.purpose.as_deref().map(bounded);
    entry.claimed_at = claim.created;
    entry.expires_at = expires;
    entry.last_seen = Some(now);
    entry
}

/// Returns what is kept of a text. Where no guard bounds it, anybody who may write the claim could
/// fill what is kept for all of them.
fn bounded(text: &str) -> String {
    let plain = text.chars().filter(|letter| !letter.is_control());
    plain.take(MAX_TEXT).collect()
}

/// Reads a quantity of Kubernetes in units of `per` (1000 for millicores, 1/Mi for MiB), rounded
/// down; `None` when it is none.
#[must_use]
pub fn quantity(text: &str, scale: f64) -> Option<u64> {
    let value = groundcrew::quantity::parse(text)? * scale;
    // The tiny addition keeps 0.1 * 1000 from becoming 99.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    (value.is_finite() && (0.0..1e18).contains(&value)).then_some((value + 1e-6) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::{at, claim};

    fn index(entries: &[(&str, &str)]) -> Index {
        Index {
            holders: entries
                .iter()
                .map(|(name, user)| ((*name).to_owned(), (*user).to_owned()))
                .collect(),
            ..Index::default()
        }
    }

    fn step(ledger: &Ledger, claims: &[Claim], index: &Index, now: &str) -> Advance {
        let cpu = Requests {
            cpu_milli: 500,
            memory_mi: 128,
        };
        let requests = BTreeMap::from([("ana-brisk-otter".to_owned(), cpu)]);
        advance(ledger, claims, &requests, index, at(now))
    }

    #[test]
    fn a_dropped_entry_is_put_back_for_a_claim_that_was_seen() {
        let held = index(&[("ana-brisk-otter", "ana")]);
        let first = step(
            &Ledger::default(),
            &[claim()],
            &held,
            "2026-11-21T12:00:00Z",
        );
        assert_eq!((first.restore.len(), first.drop.len()), (0, 0));
        let next = step(
            &first.ledger,
            &[claim()],
            &index(&[]),
            "2026-11-21T12:15:00Z",
        );
        let entry = ("ana-brisk-otter".to_owned(), "ana".to_owned());
        assert_eq!(next.restore, [entry]);
    }

    #[test]
    fn a_label_alone_is_no_record() {
        let step = step(
            &Ledger::default(),
            &[claim()],
            &index(&[]),
            "2026-11-21T12:00:00Z",
        );
        assert_eq!(step, Advance::default());
        let others = index(&[("ana-brisk-otter", "bo")]);
        assert!(!is_recorded(&claim(), &others, &Ledger::default()));
    }

    #[test]
    fn a_claim_that_the_server_recorded_is_put_on_record_with_its_owner() {
        let born = Claim {
            born: true,
            ..claim()
        };
        let step = step(
            &Ledger::default(),
            &[born],
            &index(&[]),
            "2026-11-21T12:00:00Z",
        );
        assert_eq!(
            step.restore,
            [("ana-brisk-otter".to_owned(), "ana".to_owned())]
        );
        assert_eq!(step.ledger.claims["u1"].owner, "ana");
    }

    #[test]
    fn a_place_that_is_being_freed_is_held_and_freed_by_the_next_run() {
        let closing = index(&[("ana-brisk-otter.closing", "ana")]);
        let now = "2026-11-21T12:00:00Z";
        let alive = step(&Ledger::default(), &[claim()], &closing, now);
        assert!(alive.restore.is_empty(), "it is reopened, not held twice");
        let entry = ("ana-brisk-otter".to_owned(), "ana".to_owned());
        assert_eq!(alive.drop, std::slice::from_ref(&entry));
        let gone = step(&Ledger::default(), &[], &closing, now);
        assert_eq!(gone.drop, [entry]);
    }

    #[test]
    fn no_text_of_a_claimer_fills_the_ledger() {
        let long = Claim {
            purpose: Some("\u{1}".repeat(250_000) + &"x".repeat(1000)),
            ..claim()
        };
        let entry = seen(None, &long, Requests::default(), at("2026-11-21T12:00:00Z"));
        assert_eq!(entry.purpose, Some("x".repeat(256)));
    }

    #[test]
    fn a_namespace_of_the_same_name_and_another_uid_is_another_one() {
        let held = index(&[("ana-brisk-otter", "ana")]);
        let first = step(
            &Ledger::default(),
            &[claim()],
            &held,
            "2026-11-21T12:00:00Z",
        );
        let other = Claim {
            uid: "u2".to_owned(),
            owner: Some("bo".to_owned()),
            ..claim()
        };
        assert!(!is_recorded(&other, &index(&[]), &first.ledger));
    }

    #[test]
    fn what_was_released_leaves_a_tombstone_and_frees_its_place() {
        let held = index(&[("ana-brisk-otter", "ana")]);
        let first = step(
            &Ledger::default(),
            &[claim()],
            &held,
            "2026-11-21T12:00:00Z",
        );
        let next = step(&first.ledger, &[], &held, "2026-11-21T12:15:00Z");
        assert_eq!(next.ended.len(), 1);
        assert_eq!(next.ended[0].claim.owner, "ana");
        assert_eq!(next.drop.len(), 1);
        assert!(next.ledger.claims.is_empty());
        // A run that ended before it was freed is followed by one that frees it.
        let after = step(&next.ledger, &[], &held, "2026-11-21T12:15:01Z");
        assert_eq!(after.drop.len(), 1);
    }

    #[test]
    fn an_entry_of_a_claim_under_way_is_left_alone() {
        let held = index(&[("new", "bo")]);
        let first = step(&Ledger::default(), &[], &held, "2026-11-21T12:00:00Z");
        assert!(first.drop.is_empty());
        let soon = step(&first.ledger, &[], &held, "2026-11-21T12:01:59Z");
        assert!(soon.drop.is_empty());
        let late = step(&soon.ledger, &[], &held, "2026-11-21T12:02:00Z");
        assert_eq!(late.drop, [("new".to_owned(), "bo".to_owned())]);
    }

    #[test]
    fn requests_add_up_from_run_to_run_and_extensions_are_counted() {
        let held = index(&[("ana-brisk-otter", "ana")]);
        let first = step(
            &Ledger::default(),
            &[claim()],
            &held,
            "2026-11-21T12:00:00Z",
        );
        let later = Claim {
            expires: Expires::At(at("2026-11-22T20:00:00Z")),
            ..claim()
        };
        let next = step(&first.ledger, &[later], &held, "2026-11-21T13:00:00Z");
        let entry = &next.ledger.claims["u1"];
        assert_eq!(entry.cpu_milli_seconds, 500 * 3600);
        assert_eq!(entry.memory_mi_seconds, 128 * 3600);
        assert_eq!(entry.extensions, 1);
    }

    #[test]
    fn quantities_are_read_as_kubernetes_writes_them() {
        let mebi = 1.0 / 1_048_576.0;
        for (text, scale, value) in [
            ("500m", 1000.0, 500),
            ("2", 1000.0, 2000),
            ("0.1", 1000.0, 100),
            ("4Gi", mebi, 4096),
            ("64Mi", mebi, 64),
            ("134217728", mebi, 128),
            ("1G", mebi, 953),
            ("0", 1000.0, 0),
        ] {
            assert_eq!(quantity(text, scale), Some(value), "{text}");
        }
        for text in ["", "x", "-1", "1X", "inf", "NaN"] {
            assert_eq!(quantity(text, 1.0), None, "{text}");
        }
    }
}
