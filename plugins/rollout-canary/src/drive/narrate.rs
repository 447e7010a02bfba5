//! What is being done and waited for, in words.

use crate::model::machine::next::Waiting;
use crate::model::machine::seen::Seen;
use crate::model::record::form::{Form, Purpose};

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
        Waiting::Sizes => "the controller to make and remove pods",
    };
    format!("{counts}; waiting for {what}")
}

/// Says what a form is for.
#[must_use]
pub fn doing(form: &Form) -> (&'static str, String) {
    let Form { stable, canary, .. } = form;
    match form.purpose {
        Purpose::Ramp => (
            "canary pods asked for",
            format!("{canary} beside {stable} stable"),
        ),
        Purpose::Settle => (
            "stable pods replaced",
            format!("{stable} stable and {canary} canary"),
        ),
        Purpose::Widen => (
            "stable pods added",
            format!("{stable} stable and {canary} canary"),
        ),
        Purpose::Park => (
            "rollout parked",
            format!("{stable} stable and {canary} canary, the template is the stable one"),
        ),
        Purpose::Promote => ("promotion begun", format!("{canary} of the canary")),
        Purpose::Revert => ("way back begun", format!("{stable} stable")),
        Purpose::Final => ("deployment restored", "its own strategy".to_owned()),
    }
}
