//! A user on record, and what the diagnosis needs to know of them.

use jiff::{SignedDuration, Timestamp};

use crate::commands::doctor::finding::{Line, State};
use crate::model::generation::Generation;
use crate::model::record::Record;
use crate::model::user::UserName;

pub const RECORDS: &str = "records";

/// A run does not take longer; anything older was left by a run that died.
pub const RUN: SignedDuration = SignedDuration::from_mins(10);

/// A user on record whose name is valid.
pub struct Known<'a> {
    pub(super) user: UserName,
    pub(super) record: &'a Record,
}

pub fn broken(found: String, fix: String) -> Line {
    Line::new(RECORDS, State::Broken, found).fix(fix)
}

pub fn issue(record: &Record, generation: u32) -> Option<&Generation> {
    let mut all = record.generations.iter();
    all.find(|issue| issue.generation == generation)
}

/// Says whether a run that is not dead issues this generation, or any.
pub fn is_running(record: &Record, generation: Option<u32>, now: Timestamp) -> bool {
    record.begun.as_ref().is_some_and(|begun| {
        generation.is_none_or(|generation| begun.generation == generation)
            && now.duration_since(begun.since) < RUN
    })
}
