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

/// The gate before a way back: a dead canary must not keep it from being taken. Where the canary has
/// no pods and the stable set is whole there is nothing to lose, and the controller is not waited
/// for: it may never see a template of which it cannot create the ReplicaSet.
pub fn gate_back(seen: &Seen) -> Result<(), Waiting> {
    let nothing_was_made = seen.canary.size == 0 && seen.canary.pods == 0;
    if nothing_was_made && seen.stable.exists && seen.stable.size == seen.replicas {
        return Ok(());
    }
    let caught_up = |arm: &Arm| arm.observed && arm.pods <= arm.size && arm.available <= arm.size;
    if seen.current && caught_up(&seen.stable) && seen.canary.observed {
        Ok(())
    } else {
        Err(Waiting::Controller)
    }
}
