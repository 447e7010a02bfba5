//! What is waited for, in words.

use crate::model::machine::next::Waiting;
use crate::model::machine::seen::Seen;

/// Says what is waited for.
#[must_use]
pub fn waiting(seen: &Seen, waiting: Waiting) -> String {
    let (stable, canary) = (&seen.stable, &seen.canary);
    let counts = format!(
        "canary {}/{} Ready, stable {}/{} Ready",
        canary.ready, canary.size, stable.ready, stable.size
    );
    let what = match waiting {
        Waiting::Controller => "the controller",
        Waiting::Canary => "canary pods to become Ready",
        Waiting::Age => "pods to have been Ready for minReadySeconds",
        Waiting::Stable => "stable pods to become Ready",
        Waiting::Sizes => "the controller to create and delete pods",
    };
    format!("{counts}; waiting for {what}")
}
