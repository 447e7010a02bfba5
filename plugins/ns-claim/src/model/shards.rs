//! How the reaper's ledger is spread over ConfigMaps, which hold 1 MiB each. Pure.
//!
//! An entry's place follows from its UID, so that one that moves is written where it comes to before
//! it is removed where it was: a run that ends in between leaves it twice, and never nowhere.

use std::collections::BTreeMap;

use groundcrew::error::{Error, Result};

use super::ledger::{Entry, Ledger};
use super::meta;

/// How much of a ConfigMap is used before the ledger takes more of them, in bytes; what is left is
/// for the entries that come until the next run.
const FULL: usize = 400 << 10;
/// Most bits of a UID that say where its entry is: 256 ConfigMaps.
const MAX_BITS: u32 = 8;

/// What is to be in the ConfigMaps, by their names.
pub type Shards = BTreeMap<String, Ledger>;

/// Returns the name of a part; the first has the name that the ledger had when it was one.
fn name(number: u32) -> String {
    match number {
        0 => meta::LEDGER.to_owned(),
        _ => format!("{}-{number}", meta::LEDGER),
    }
}

/// Returns the place of an entry: the first bits of its UID, which is random.
fn place(uid: &str, bits: u32) -> u32 {
    let first = uid
        .get(..2)
        .and_then(|text| u32::from_str_radix(text, 16).ok());
    first.unwrap_or_default() >> (MAX_BITS - bits)
}

fn size(uid: &str, entry: &Entry) -> Result<usize> {
    let text = serde_json::to_string(entry)
        .map_err(|error| Error::failed("the ledger cannot be written").with_source(error))?;
    Ok(uid.len() + text.len() + 4)
}

/// Spreads a ledger over as few ConfigMaps as hold it.
///
/// # Errors
///
/// Only when an entry has no form in JSON.
pub fn split(ledger: &Ledger) -> Result<Shards> {
    let mut sizes = Vec::with_capacity(ledger.claims.len());
    for (uid, entry) in &ledger.claims {
        sizes.push((uid, size(uid, entry)?));
    }
    let fits = |bits: &u32| {
        let mut parts = vec![0; 1 << bits];
        for (uid, size) in &sizes {
            parts[place(uid, *bits) as usize] += size;
        }
        parts.into_iter().all(|part| part <= FULL)
    };
    let bits = (0..MAX_BITS).find(fits).unwrap_or(MAX_BITS);
    let first = Ledger {
        claims: BTreeMap::new(),
        ..ledger.clone()
    };
    let mut shards = Shards::from([(name(0), first)]);
    for (uid, entry) in &ledger.claims {
        let shard = shards.entry(name(place(uid, bits))).or_default();
        shard.claims.insert(uid.clone(), entry.clone());
    }
    Ok(shards)
}

/// Puts the parts together; of an entry that is there twice, the one that was seen last counts.
#[must_use]
pub fn join<'a>(shards: impl IntoIterator<Item = &'a Ledger>) -> Ledger {
    let mut whole = Ledger::default();
    for shard in shards {
        whole.orphans.extend(shard.orphans.clone());
        whole.pruned_at = whole.pruned_at.max(shard.pruned_at);
        for (uid, entry) in &shard.claims {
            let known = whole.claims.get(uid);
            if known.is_none_or(|known| known.last_seen < entry.last_seen) {
                whole.claims.insert(uid.clone(), entry.clone());
            }
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(claims: usize, purpose: usize) -> Ledger {
        let mut ledger = Ledger::default();
        for number in 0..claims {
            let uid = format!("{:02x}000000-0000-4000-8000-{number:012}", number % 256);
            let entry = Entry {
                name: format!("user-{number}-brisk-otter"),
                owner: format!("user-{number}@example.com"),
                purpose: Some("p".repeat(purpose)),
                ..Entry::default()
            };
            ledger.claims.insert(uid, entry);
        }
        ledger
    }

    #[test]
    fn a_small_ledger_is_one_configmap_of_the_old_name() {
        let small = ledger(500, 20);
        let shards = split(&small).unwrap();
        assert_eq!(shards.keys().collect::<Vec<_>>(), ["claims-ledger"]);
        assert_eq!(join(shards.values()), small);
    }

    #[test]
    fn twenty_thousand_claims_with_the_longest_texts_fit() {
        let large = ledger(20_000, 4 * 256);
        let shards = split(&large).unwrap();
        assert!(shards.len() > 16, "{}", shards.len());
        for (name, shard) in &shards {
            let bytes = serde_json::to_string(shard).unwrap().len();
            assert!(bytes < 700 << 10, "{name} has {bytes}");
        }
        assert_eq!(join(shards.values()), large);
    }

    #[test]
    fn of_an_entry_that_is_there_twice_the_last_counts() {
        let mut old = ledger(1, 1);
        let mut new = old.clone();
        for (ledger, seconds) in [(&mut old, 1), (&mut new, 2)] {
            for entry in ledger.claims.values_mut() {
                entry.last_seen = jiff::Timestamp::from_second(seconds).ok();
            }
        }
        assert_eq!(join([&new, &old]), join([&old, &new]));
        assert_eq!(join([&old, &new]), new);
    }
}
