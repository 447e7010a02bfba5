//! Whether pods that went may come back.

use crate::model::machine::next::Waiting;
use crate::model::machine::seen::{Arm, Seen};

/// Returns the gate: whether a set that was shrunk may grow again.
///
/// The controller reads `status.availableReplicas` also while `status.observedGeneration` is
/// behind; growing then costs Ready pods.
///
/// # Errors
///
/// What is to be waited for.
pub fn gate(seen: &Seen) -> Result<(), Waiting> {
    if !seen.current || !seen.stable.observed || !seen.canary.observed {
        return Err(Waiting::Controller);
    }
    if !seen.stable.is_ready() {
        return Err(Waiting::Stable);
    }
    if !seen.canary.is_ready() {
        return Err(Waiting::Canary);
    }
    Ok(())
}

/// The gate before a way back: a dead canary must not keep it from being taken.
pub fn gate_back(seen: &Seen) -> Result<(), Waiting> {
    let caught_up = |arm: &Arm| arm.observed && arm.pods <= arm.size && arm.available <= arm.size;
    if seen.current && caught_up(&seen.stable) && seen.canary.observed {
        Ok(())
    } else {
        Err(Waiting::Controller)
    }
}
