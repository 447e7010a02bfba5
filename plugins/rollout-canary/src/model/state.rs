//! The judgment of the state: where a canary is, and whether anybody drives it.

use serde::Serialize;

use crate::model::conflict::Conflict;
use crate::model::machine::next::Next;
use crate::model::machine::seen::Seen;
use crate::model::machine::{self, place};
use crate::model::record::driver::Driving;
use crate::model::record::form::Purpose;
use crate::model::record::{Goal, Record};

/// Where a canary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// There is none.
    Idle,
    /// Canary pods are being made.
    Ramping,
    /// Stable pods go, or it is being parked.
    Settling,
    /// The split is there.
    Holding,
    /// Everything becomes the canary.
    Promoting,
    /// Everything becomes stable again.
    Aborting,
    /// Somebody else changed something.
    Conflict,
    /// The Deployment is held or marked, and there is no record.
    Orphan,
}

pub fn is_parked(record: &Record, seen: &Seen) -> bool {
    matches!(place::place(record, seen), Ok(Some(form)) if form.purpose == Purpose::Park)
        && seen.canary.size > 0
}

/// Says whether a canary that is not at rest in its phase has no driver. What others changed is
/// theirs.
#[must_use]
pub fn is_abandoned(phase: Phase, record: &Record, seen: &Seen, driving: Driving) -> bool {
    let is_on_the_way = match phase {
        Phase::Ramping | Phase::Settling | Phase::Promoting | Phase::Aborting => true,
        Phase::Holding => machine::is_driven(record, seen),
        Phase::Idle | Phase::Conflict | Phase::Orphan => false,
    };
    is_on_the_way && matches!(driving, Driving::Nobody | Driving::Gone)
}

/// Returns what somebody else did, if anything.
#[must_use]
pub fn conflict(record: &Record, seen: &Seen) -> Option<Conflict> {
    match machine::next(record, seen) {
        Next::Stop(conflict) => Some(conflict),
        _ => None,
    }
}

/// Returns where a canary is.
#[must_use]
pub fn phase(record: &Record, seen: &Seen) -> Phase {
    if conflict(record, seen).is_some() {
        return Phase::Conflict;
    }
    match &record.goal {
        Goal::Promote { .. } => Phase::Promoting,
        Goal::Abort { .. } => Phase::Aborting,
        Goal::Hold { .. } => match machine::next(record, seen) {
            Next::Done(_) => Phase::Holding,
            _ => match place::place(record, seen).ok().flatten() {
                // An autoscaler moves a parked canary, and it stays parked.
                Some(form)
                    if form.purpose == Purpose::Park
                        && form.seq == record.seq
                        && (form.replicas != seen.replicas
                            || (seen.stable.size, seen.canary.size)
                                == (form.stable, form.canary)) =>
                {
                    Phase::Holding
                }
                Some(form)
                    if matches!(
                        form.purpose,
                        Purpose::Settle | Purpose::Widen | Purpose::Park
                    ) =>
                {
                    Phase::Settling
                }
                _ => Phase::Ramping,
            },
        },
    }
}
