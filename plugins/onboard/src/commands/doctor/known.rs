//! A user on record, and what the diagnosis needs to know of them.

use groundcrew::finding::{Finding, Severity, Unseen};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::{SignedDuration, Timestamp};

use crate::model::generation::Generation;
use crate::model::record;
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

impl Known<'_> {
    /// Returns the object that is the record.
    pub fn place(&self) -> String {
        let name = record::name(&self.user);
        format!("configmap/{SYSTEM_NAMESPACE}/{name}")
    }
}

/// What was found, or what could not be looked at.
pub type Looked = Result<Finding, Unseen>;

pub fn broken(place: impl Into<String>, why: String, fix: String) -> Looked {
    let finding = Finding::new(Severity::Error, RECORDS, why);
    Ok(finding.at(place).fix(fix))
}

pub fn warning(place: impl Into<String>, why: String, fix: String) -> Looked {
    let finding = Finding::new(Severity::Warning, RECORDS, why);
    Ok(finding.at(place).fix(fix))
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
