//! How a drive ends: words, hints, exit codes.

use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use crate::drive::{Drive, Outcome};
use crate::machine::{Conflict, End};
use crate::observe::Target;
use crate::record::Failure;

/// Drives to the end and leaves things as they have to be left: the record gone when there is
/// nothing to remember, and else without a driver.
///
/// # Errors
///
/// As [`Drive::run`]; a conflict when somebody else changed what the run stands on.
pub async fn run(drive: &mut Drive<'_>, target: &Target) -> Result<Reached> {
    let outcome = match drive.run().await {
        Ok(outcome) => outcome,
        Err(error) => {
            let held = matches!(
                error.kind(),
                Kind::Interrupted | Kind::TimedOut | Kind::Failed
            );
            if held {
                drive.release().await;
            }
            return Err(interrupted(error, target));
        }
    };
    match outcome {
        Outcome::Reached(end, failed) => {
            match end {
                End::Parked | End::Held => drive.release().await,
                End::Promoted | End::Aborted => drive.forget().await?,
            }
            Ok(Reached { end, failed })
        }
        Outcome::Stopped(conflict) => {
            drive.release().await;
            Err(told(&conflict, target))
        }
    }
}

/// What a drive reached.
pub struct Reached {
    /// The goal.
    pub end: End,
    /// Why it rolled back by itself, if it did.
    pub failed: Option<(Failure, String)>,
}

fn interrupted(error: Error, target: &Target) -> Error {
    if error.kind() != Kind::Interrupted {
        return error;
    }
    error
        .with_detail("the canary stays as it is")
        .with_hint(format!("look:  {}", target.words("status", "")))
        .with_hint(format!("go on:  {}", target.words("resume", "")))
        .with_hint(format!("go back:  {}", target.words("abort", "")))
}

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
            "somebody removed or changed the label {} of deployment {name}; \
             nothing more is written",
            crate::meta::MARKER
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
        Conflict::ScaledToZero => error(format!("deployment {name} is scaled to zero"))
            .with_hint(format!("tidy up once it runs again:  {}", abort(""))),
    }
}

/// Says how a canary that was rolled back by itself ended.
pub fn rolled_back(failure: Failure, reason: &str, ui: &Ui) -> Result<Exit> {
    let (word, exit) = match failure {
        Failure::Bad => ("the canary is bad and was rolled back", Exit::No),
        Failure::Untried => (
            "the canary could not be tried and was taken back",
            Exit::Incomplete,
        ),
    };
    ui.answer(format_args!("{word}: {reason}\n"))?;
    Ok(exit)
}
