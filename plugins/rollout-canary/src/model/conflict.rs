//! What somebody else did, and the error that says so.

use groundcrew::error::Error;

use crate::model::names::MARKER;
use crate::model::target::Target;

/// Returns the error for what somebody else did, and how to go on.
#[must_use]
pub fn told(conflict: &Conflict, target: &Target) -> Error {
    let error = |text: String| Error::conflict(text);
    let abort = |rest: &str| target.words("abort", rest);
    let name = &target.name;
    match conflict {
        Conflict::Recreated => error(format!(
            "deployment {name} is another one than the canary was started on"
        ))
        .with_hint(format!(
            "drop the record:  {}",
            target.words("doctor", "--repair")
        )),
        Conflict::Deleted => error(format!("deployment {name} is being deleted")),
        Conflict::Template => error(format!(
            "somebody put another template into deployment {name}; nothing more is written"
        ))
        .with_hint(format!("let theirs roll out:  {}", abort("--keep-spec")))
        .with_hint(format!(
            "put back what was:  {}",
            abort("--force-conflicts")
        )),
        Conflict::Resumed => error(format!(
            "somebody resumed deployment {name}, which takes the canary back; \
             nothing more is written"
        ))
        .with_hint(format!("finish that:  {}", abort(""))),
        Conflict::Fields(fields) => error(format!(
            "somebody changed {} of deployment {name}; nothing more is written",
            fields.join(", ")
        ))
        .with_hint(format!(
            "put back what was:  {}",
            abort("--force-conflicts")
        )),
        Conflict::Marker => error(format!(
            "somebody removed or changed the label {MARKER} of deployment {name}; \
             nothing more is written"
        ))
        .with_hint(format!(
            "put back what was:  {}",
            abort("--force-conflicts")
        )),
        Conflict::ThirdSet(set) => error(format!(
            "replicaset {set} has pods too: another rollout is under way; nothing more is written"
        ))
        .with_hint(format!(
            "put back what was:  {}",
            abort("--force-conflicts")
        )),
        Conflict::Vanished => error(format!(
            "the canary's pods of deployment {name} are gone; everything is stable"
        ))
        .with_detail("scaling to zero, or below what a share of it needs, does that")
        .with_hint(format!("tidy up:  {}", abort(""))),
        Conflict::ScaledToZero => error(format!(
            "deployment {name} is scaled to zero, and the canary is over: what comes back is stable"
        ))
        .with_hint(format!("tidy up:  {}", abort(""))),
    }
}

/// What somebody else did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The Deployment is another one under the same name.
    Recreated,
    /// It is gone or being deleted.
    Deleted,
    /// `spec.template` is neither the stable nor the canary's.
    Template,
    /// Fields that this run set are not what they were: their names.
    Fields(Vec<&'static str>),
    /// `kubectl rollout resume` on a parked canary: the native way back.
    Resumed,
    /// Somebody took the marker away or put another one there.
    Marker,
    /// A third ReplicaSet has pods.
    ThirdSet(String),
    /// The canary's pods are gone although nobody drives that way (scaled to zero and back).
    Vanished,
    /// It was scaled to zero.
    ScaledToZero,
}
