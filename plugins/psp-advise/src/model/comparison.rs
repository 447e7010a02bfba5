//! What changes between two reports, object by object.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew::finding::Unseen;
use serde::Serialize;

use crate::model::decision::{Decision, FieldFault};
use crate::model::level::{Level, Server};
use crate::model::report::Report;

/// What changes between two reports.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The server before.
    pub from: Server,
    /// The server after.
    pub to: Server,
    /// Whether everything could be evaluated.
    pub complete: bool,
    /// What could not be evaluated.
    pub unseen: Vec<Unseen>,
    /// Whether something violates more than before.
    pub widens: bool,
    /// Objects whose verdict or violated checks change.
    pub changes: Vec<Change>,
}

/// An object under one level.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `namespace/kind/name`.
    pub object: String,
    /// `kind.group/name`, as kubectl reads it.
    #[serde(skip)]
    pub name: String,
    /// Level.
    pub level: Level,
    /// Whether it passed; `None` when it was not there.
    pub before: Option<bool>,
    /// Whether it passes; `None` when it is gone.
    pub after: Option<bool>,
    /// Checks with fields that were no fault before.
    pub newly: Vec<&'static str>,
    /// Checks that are not violated any more.
    pub no_longer: Vec<&'static str>,
}

type Key = (String, Level);

/// Compares.
#[must_use]
pub fn compare(before: &Report, after: &Report) -> Comparison {
    let (old, new) = (index(before), index(after));
    let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
    let mut changes = Vec::new();
    for key in keys {
        let (old, new) = (old.get(key).copied(), new.get(key).copied());
        let faults = |decision: Option<&Decision>| -> BTreeSet<(&'static str, String)> {
            decision
                .into_iter()
                .flat_map(|decision| &decision.checks)
                .flat_map(|check| {
                    let of = |fault: &FieldFault| {
                        (check.id, format!("{}={:?}", fault.path, fault.current))
                    };
                    check.faults.iter().map(of).collect::<Vec<_>>()
                })
                .collect()
        };
        let (was, is) = (faults(old), faults(new));
        let newly: BTreeSet<&'static str> = is.difference(&was).map(|(id, _)| *id).collect();
        let still: BTreeSet<&'static str> = is.iter().map(|(id, _)| *id).collect();
        let no_longer: BTreeSet<&'static str> = was
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| !still.contains(id) && new.is_some())
            .collect();
        if newly.is_empty() && no_longer.is_empty() {
            continue;
        }
        changes.push(Change {
            object: key.0.clone(),
            name: new
                .or(old)
                .map_or_else(String::new, |one| one.object.full()),
            level: key.1,
            before: old.map(|decision| decision.allowed),
            after: new.map(|decision| decision.allowed),
            newly: newly.into_iter().collect(),
            no_longer: no_longer.into_iter().collect(),
        });
    }
    Comparison {
        from: before.server_version,
        to: after.server_version,
        complete: before.complete && after.complete,
        unseen: {
            // Both read the same files where two servers are compared.
            let mut unseen = before.unseen.clone();
            unseen.extend(after.unseen.iter().cloned());
            unseen.dedup();
            unseen
        },
        widens: changes.iter().any(|change| !change.newly.is_empty()),
        changes,
    }
}

fn index(report: &Report) -> BTreeMap<Key, &Decision> {
    report
        .decisions
        .iter()
        .map(|decision| {
            let object = &decision.object;
            let name = if object.namespace.is_empty() {
                object.short()
            } else {
                format!("{}/{}", object.namespace, object.short())
            };
            ((name, decision.level), decision)
        })
        .collect()
}
