//! Adding up. Pure.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use groundcrew::finding::Unseen;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::ledger::{Entry, Ledger, Tombstone};
use crate::model::view::between;

/// What no report can know: those who claim may write no record of it.
pub const UNSEEN: &str =
    "claims that plain users created and released between two reaper runs are not included";

/// What the rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// By team.
    Team,
    /// By owner.
    Owner,
}

/// What was used from one moment to another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// From when on.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Everything that is on record was seen, and records reach back so far.
    pub complete: bool,
    /// What was not seen of it.
    pub unseen: Vec<Unseen>,
    /// What no report can know.
    pub not_counted: &'static str,
    /// The most claim-hours on top.
    pub rows: Vec<Row>,
}

/// One team's or owner's share.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The team or the owner; empty where none was given.
    pub key: String,
    /// Claims that lived in that time.
    pub claims: u32,
    /// How many of them live.
    pub live: u32,
    /// Hours that they lived, added up.
    pub claim_hours: f64,
    /// Cores requested, times hours.
    pub cpu_hours: f64,
    /// GiB requested, times hours.
    pub memory_gib_hours: f64,
}

/// Adds up what lives and what is gone; `alive` holds the UIDs of what lives. A tombstone of a
/// namespace that lives is one of a deletion that was given up.
#[must_use]
pub fn sum(
    ledger: &Ledger,
    stones: &[Tombstone],
    alive: &BTreeSet<String>,
    by: By,
    since: Timestamp,
    until: Timestamp,
    unseen: Vec<Unseen>,
) -> Usage {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let live = ledger.claims.iter().filter_map(|(uid, entry)| {
        // What the reaper has not yet missed ended when it was seen last, or later.
        let lives = alive.contains(uid);
        let buried = stones.iter().any(|stone| stone.uid == *uid);
        let ended = entry.last_seen.unwrap_or(until);
        (lives || !buried).then_some((entry, if lives { until } else { ended }, lives))
    });
    let gone = stones
        .iter()
        .filter(|stone| !alive.contains(&stone.uid))
        .map(|stone| (&stone.claim, stone.ended_at, false));
    for (entry, ended, lives) in live.chain(gone) {
        let begun = entry.claimed_at.unwrap_or(ended);
        if ended < since || begun > until {
            continue;
        }
        let counted = between(begun.max(since), ended.min(until)).as_secs_f64();
        let whole = between(begun, ended).as_secs_f64();
        // Times are whole seconds: what was claimed and released within one counts, with no time.
        let share = if whole > 0.0 { counted / whole } else { 1.0 };
        add(&mut rows, entry, by, lives, counted, share);
    }
    let mut rows: Vec<Row> = rows.into_values().collect();
    rows.sort_by(|one, other| {
        other
            .claim_hours
            .total_cmp(&one.claim_hours)
            .then_with(|| one.key.cmp(&other.key))
    });
    Usage {
        since,
        until,
        complete: unseen.is_empty(),
        unseen,
        not_counted: UNSEEN,
        rows,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "hours are shown with one decimal"
)]
fn add(
    rows: &mut BTreeMap<String, Row>,
    entry: &Entry,
    by: By,
    lives: bool,
    seconds: f64,
    share: f64,
) {
    let key = match by {
        By::Team => entry.team.clone().unwrap_or_default(),
        By::Owner => entry.owner.clone(),
    };
    let row = rows.entry(key.clone()).or_insert_with(|| Row {
        key,
        ..Row::default()
    });
    row.claims += 1;
    row.live += u32::from(lives);
    row.claim_hours += seconds / 3600.0;
    row.cpu_hours += entry.cpu_milli_seconds as f64 * share / 3_600_000.0;
    row.memory_gib_hours += entry.memory_mi_seconds as f64 * share / (3600.0 * 1024.0);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::claim::tests::at;

    fn entry(team: &str, claimed: &str, cpu_milli_seconds: u64) -> Entry {
        Entry {
            name: "a".to_owned(),
            owner: "ana".to_owned(),
            team: Some(team.to_owned()),
            claimed_at: Some(at(claimed)),
            cpu_milli_seconds,
            ..Entry::default()
        }
    }

    fn usage() -> Usage {
        let mut ledger = Ledger::default();
        let live = entry("web", "2026-11-21T10:00:00Z", 7_200_000);
        ledger.claims.insert("u1".to_owned(), live.clone());
        let gone = |uid: &str, claimed: &str, ended: &str| {
            Tombstone::new(uid, entry("qa", claimed, 3_600_000), at(ended), "reaper")
        };
        let stones = [
            gone("u2", "2026-11-20T10:00:00Z", "2026-11-20T14:00:00Z"),
            gone("u3", "2026-11-01T10:00:00Z", "2026-11-01T14:00:00Z"),
            // Given up: the namespace lives.
            gone("u1", "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"),
        ];
        let (since, until) = (at("2026-11-20T12:00:00Z"), at("2026-11-21T12:00:00Z"));
        let alive = BTreeSet::from(["u1".to_owned()]);
        sum(&ledger, &stones, &alive, By::Team, since, until, Vec::new())
    }

    #[test]
    fn hours_are_counted_inside_of_the_time_asked_for() {
        let rows = usage().rows;
        let hours: Vec<(&str, f64, u32)> = rows
            .iter()
            .map(|row| (row.key.as_str(), row.claim_hours, row.live))
            .collect();
        assert_eq!(hours, [("qa", 2.0, 0), ("web", 2.0, 1)]);
    }

    #[test]
    fn what_lived_for_less_than_a_second_is_counted() {
        let at = at("2026-11-21T10:00:00Z");
        let stone = Tombstone::new("u1", entry("qa", "2026-11-21T10:00:00Z", 0), at, "ana");
        let sum = |since| {
            let (ledger, alive) = (Ledger::default(), BTreeSet::new());
            let stones = std::slice::from_ref(&stone);
            sum(&ledger, stones, &alive, By::Team, since, at, Vec::new()).rows
        };
        let rows = sum(at);
        assert_eq!((rows[0].claims, rows[0].claim_hours), (1, 0.0));
        assert!(rows[0].cpu_hours.abs() < 1e-9);
        assert!(sum(at.checked_add(Duration::from_secs(1)).unwrap()).is_empty());
    }

    #[test]
    fn of_an_older_claim_the_share_since_then_is_counted() {
        let rows = usage().rows;
        assert!((rows[0].cpu_hours - 0.5).abs() < 1e-9, "{rows:?}");
        assert!((rows[1].cpu_hours - 2.0).abs() < 1e-9, "{rows:?}");
    }
}
