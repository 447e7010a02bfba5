//! What is to be done next: a pure function of the record and of what is seen.

pub mod gate;
pub mod hold;
pub mod native;
pub mod next;
pub mod place;
pub mod promise;
pub mod seen;
pub mod split;

use crate::model::conflict::Conflict;
use crate::model::machine::next::{Next, Waiting};
use crate::model::machine::place::place;
use crate::model::machine::seen::Seen;
use crate::model::machine::split::choose;
use crate::model::record::form::Purpose;
use crate::model::record::{Goal, Record};

#[cfg(test)]
pub mod tests;

/// Decides.
#[must_use]
pub fn next(record: &Record, seen: &Seen) -> Next {
    if seen.uid != record.uid {
        return Next::Stop(Conflict::Recreated);
    }
    let at = match place(record, seen) {
        Ok(at) => at,
        Err(conflict) => return stopped(record, seen, conflict),
    };
    match &record.goal {
        Goal::Hold { weight } => hold::next(record, seen, at, *weight),
        Goal::Promote { .. } => native::promote(record, seen, at),
        Goal::Abort { keep_spec, .. } => native::abort(record, seen, at, *keep_spec),
    }
}

/// Only an abort goes on from where somebody else left the Deployment: from a native way back
/// always, from anything else when it was told to.
fn stopped(record: &Record, seen: &Seen, conflict: Conflict) -> Next {
    let Goal::Abort {
        keep_spec, force, ..
    } = record.goal
    else {
        return Next::Stop(conflict);
    };
    match conflict {
        Conflict::Recreated | Conflict::Deleted => Next::Stop(conflict),
        Conflict::Template if keep_spec => native::leave(record, seen),
        Conflict::Resumed => native::take_back(record, seen),
        // It is on its way out: the same once more would change nothing, again and again.
        Conflict::ThirdSet(_) if force && is_going_back(record, seen) => Next::Wait(Waiting::Sizes),
        _ if force => native::take_back(record, seen),
        _ => Next::Stop(conflict),
    }
}

fn is_going_back(record: &Record, seen: &Seen) -> bool {
    let id = seen
        .marker
        .as_deref()
        .and_then(|marker| record.marked(marker));
    let mut forms = record.forms.iter();
    forms.any(|form| {
        Some(form.id) == id
            && form.purpose == Purpose::Revert
            && form.shape(&record.original) == seen.shape
    })
}

/// Says whether a canary holds only while it is driven: there are too few replicas to park it, and
/// nobody accepted that it stays held without a driver.
#[must_use]
pub fn is_driven(record: &Record, seen: &Seen) -> bool {
    let Goal::Hold { weight } = record.goal else {
        return false;
    };
    let own = record.own_steps(seen.replicas);
    let split = choose(seen.replicas, own, record.budget, record.layout, weight);
    let is_parked = matches!(place(record, seen), Ok(Some(form)) if form.purpose == Purpose::Park);
    !record.accept_weight && !is_parked && split.is_some_and(|split| !split.parks)
}
