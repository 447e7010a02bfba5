//! The two ways out: promotion, and back.

use crate::model::conflict::Conflict;
use crate::model::controller::rounding::Steps;
use crate::model::machine::gate::{gate, gate_back};
use crate::model::machine::next::{End, Next, Waiting};
use crate::model::machine::place::Place;
use crate::model::machine::seen::Seen;
use crate::model::record::Record;
use crate::model::record::form::{Form, Purpose, Strategy, Template};

/// Which template a goal ends with.
fn wanted_template(record: &Record, keep_spec: bool) -> Template {
    if keep_spec && record.original.pending {
        Template::Canary
    } else {
        Template::Stable
    }
}

/// Decides what promotes.
pub fn promote(record: &Record, seen: &Seen, at: Place) -> Next {
    match at.map(|form| form.purpose) {
        Some(Purpose::Final) => finished(seen, (0, seen.replicas), End::Promoted),
        Some(Purpose::Promote) => {
            if !seen.current {
                return Next::Wait(Waiting::Controller);
            }
            if (seen.stable.size, seen.canary.size) != (0, seen.replicas) {
                return Next::Wait(Waiting::Sizes);
            }
            // A strategy with maxUnavailable, restored too early, takes the last stable pods.
            match gate(seen) {
                Err(waiting) => Next::Wait(waiting),
                Ok(()) if seen.canary.available < seen.replicas => Next::Wait(Waiting::Age),
                Ok(()) => Next::Write(Form {
                    strategy: Strategy::Own,
                    purpose: Purpose::Final,
                    ..promotion(record, seen)
                }),
            }
        }
        // What has no pods was not seen to work: there is nothing to promote.
        _ if seen.replicas == 0 => Next::Stop(Conflict::ScaledToZero),
        _ if seen.canary.size == 0 => Next::Stop(Conflict::Vanished),
        _ => match gate(seen) {
            Err(waiting) => Next::Wait(waiting),
            Ok(()) => Next::Write(promotion(record, seen)),
        },
    }
}

/// Decides what brings everything back.
pub fn abort(record: &Record, seen: &Seen, at: Place, keep_spec: bool) -> Next {
    match at.map(|form| form.purpose) {
        // Nothing was done yet.
        None => Next::Done(End::Aborted),
        // A promotion that had finished is taken back like any other.
        Some(Purpose::Final) if is_promotion(at, record, keep_spec) => take_back(record, seen),
        // What somebody else's template rolls out is theirs.
        Some(Purpose::Final) if at.is_some_and(|form| form.template == Template::Foreign) => {
            finished(seen, (seen.stable.size, seen.canary.size), End::Aborted)
        }
        Some(Purpose::Final) => finished(seen, (seen.replicas, 0), End::Aborted),
        Some(Purpose::Revert) => {
            if !seen.current {
                return Next::Wait(Waiting::Controller);
            }
            if (seen.stable.size, seen.canary.size) != (seen.replicas, 0) {
                return Next::Wait(Waiting::Sizes);
            }
            match gate(seen) {
                Err(waiting) => Next::Wait(waiting),
                Ok(()) if seen.stable.available < seen.replicas => Next::Wait(Waiting::Age),
                Ok(()) => {
                    let template = wanted_template(record, keep_spec);
                    Next::Write(Form {
                        purpose: Purpose::Final,
                        strategy: Strategy::Own,
                        template,
                        paused: record.original.pending && template == Template::Canary,
                        ..revert(record, seen)
                    })
                }
            }
        }
        _ => take_back(record, seen),
    }
}

fn is_promotion(at: Place, record: &Record, keep_spec: bool) -> bool {
    let wanted = wanted_template(record, keep_spec);
    at.is_some_and(|form| form.template == Template::Canary && wanted == Template::Stable)
}

/// Takes the native way back as soon as that costs nothing.
pub fn take_back(record: &Record, seen: &Seen) -> Next {
    match gate_back(seen) {
        Err(waiting) => Next::Wait(waiting),
        Ok(()) => Next::Write(revert(record, seen)),
    }
}

/// Gives the Deployment back as somebody else has made it, with its own strategy.
pub fn leave(record: &Record, seen: &Seen) -> Next {
    match gate_back(seen) {
        Err(waiting) => Next::Wait(waiting),
        Ok(()) => Next::Write(Form {
            purpose: Purpose::Final,
            strategy: Strategy::Own,
            template: Template::Foreign,
            ..revert(record, seen)
        }),
    }
}

/// The last form looks like the one before it where the Deployment's own strategy is that of the
/// native way; then somebody who takes the label away makes it the last one before its time.
fn finished(seen: &Seen, sizes: (i32, i32), end: End) -> Next {
    if !seen.current {
        Next::Wait(Waiting::Controller)
    } else if (seen.stable.size, seen.canary.size) != sizes {
        Next::Wait(Waiting::Sizes)
    } else {
        Next::Done(end)
    }
}

fn promotion(record: &Record, seen: &Seen) -> Form {
    native(record, seen, Purpose::Promote, Template::Canary)
}

/// Returns the native way back.
pub fn revert(record: &Record, seen: &Seen) -> Form {
    native(record, seen, Purpose::Revert, Template::Stable)
}

/// The native rollout with the Deployment's own surge and nothing unavailable.
fn native(record: &Record, seen: &Seen, purpose: Purpose, template: Template) -> Form {
    let own = record.own_steps(seen.replicas);
    let (stable, canary) = match template {
        Template::Stable | Template::Foreign => (seen.replicas, 0),
        Template::Canary => (0, seen.replicas),
    };
    Form {
        id: 0,
        purpose,
        seq: record.seq,
        replicas: seen.replicas,
        stable,
        canary,
        template,
        held: false,
        paused: false,
        strategy: Strategy::Steps(Steps {
            surge: own.surge.clamp(1, record.budget.max(1)),
            unavailable: 0,
        }),
    }
}
