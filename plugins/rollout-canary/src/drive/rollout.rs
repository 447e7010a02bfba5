//! How a drive ends: words, hints, exit codes.

use groundcrew::error::{Error, Kind, Result};
use groundcrew::ui::Ui;

use crate::drive::driver::{Drive, Outcome};
use crate::drive::soak::Soaked;
use crate::model::conflict::{Conflict, told};
use crate::model::machine::next::End;
use crate::model::record::Failure;
use crate::model::steps::Watch;
use crate::model::target::Target;

/// Drives to the end, through all steps of a rollout, and leaves things as they have to be left: the
/// record gone when there is nothing to remember, and else without a driver.
///
/// # Errors
///
/// As [`Drive::run`]; a conflict when somebody else changed what the run stands on.
pub async fn run(drive: &mut Drive<'_>, target: &Target, ui: &Ui) -> Result<Reached> {
    let stepped = steps(drive, ui).await;
    leave(drive, target, stepped).await
}

/// Drives to the first weight and leaves the rest of the rollout to `resume`.
///
/// # Errors
///
/// As [`run`].
pub async fn once(drive: &mut Drive<'_>, target: &Target) -> Result<Reached> {
    let stepped = drive.run().await.map(|outcome| match outcome {
        Outcome::Reached(end, failed) => Stepped::Reached(Reached {
            end,
            failed,
            undecided: None,
        }),
        Outcome::Stopped(conflict) => Stepped::Stopped(conflict),
    });
    leave(drive, target, stepped).await
}

async fn leave(
    drive: &mut Drive<'_>,
    target: &Target,
    stepped: Result<Stepped>,
) -> Result<Reached> {
    match stepped {
        Ok(Stepped::Reached(reached)) => {
            match reached.end {
                End::Parked | End::Held => drive.release().await,
                End::Promoted | End::Aborted => {
                    drive.give_fields_back().await;
                    drive.forget().await?;
                }
            }
            Ok(reached)
        }
        Ok(Stepped::Stopped(conflict)) => {
            drive.release().await;
            Err(told(&conflict, target))
        }
        Err(error) => {
            let held = matches!(
                error.kind(),
                Kind::Interrupted | Kind::TimedOut | Kind::Failed | Kind::Incomplete
            );
            if held && drive.is_only_driven() {
                return Err(backed_out(drive, target, error).await);
            }
            if held {
                drive.release().await;
            }
            Err(interrupted(error, target))
        }
    }
}

/// Takes back what holds only while it is driven, and says so beside why the driver ends.
async fn backed_out(drive: &mut Drive<'_>, target: &Target, error: Error) -> Error {
    drive.tell("this canary holds only while it is driven: rolling back");
    let Err(second) = drive.back_out(&error.to_string()).await else {
        return error.with_detail("the canary was rolled back: it cannot hold without a driver");
    };
    drive.release().await;
    error
        .with_detail(format!("the rollback has not finished: {second}"))
        .with_hint(format!("roll it back:  {}", target.words("abort", "")))
        .with_hint(format!("go on:  {}", target.words("resume", "")))
}

enum Stepped {
    Reached(Reached),
    Stopped(Conflict),
}

/// Goes from weight to weight while there is another.
async fn steps(drive: &mut Drive<'_>, ui: &Ui) -> Result<Stepped> {
    // The last weight of what cannot be parked is over, and it is held until somebody asks.
    let mut stays = false;
    loop {
        let (end, failed) = match drive.run().await? {
            Outcome::Reached(end, failed) => (end, failed),
            Outcome::Stopped(conflict) => return Ok(Stepped::Stopped(conflict)),
        };
        let reached = |undecided| {
            Ok(Stepped::Reached(Reached {
                end,
                failed: failed.clone(),
                undecided,
            }))
        };
        let driven = end == End::Held && drive.is_only_driven();
        let Some(watch) = Watch::of(&drive.stored.record, driven) else {
            return reached(None);
        };
        let Some(soak) = watch.time(end) else {
            return reached(None);
        };
        if stays && driven {
            let hint = "held while this command runs: promote or abort it from another \
                 terminal; Ctrl-C rolls it back";
            ui.status(hint);
        } else {
            drive.done(&watch.step(end, soak));
        }
        match drive.soak(soak, stays && driven).await? {
            Soaked::Moved => stays = false,
            Soaked::Stopped(conflict) => return Ok(Stepped::Stopped(conflict)),
            Soaked::Undecided(why) if driven => drive.give_up(&why).await?,
            Soaked::Undecided(why) => return reached(Some(why)),
            Soaked::Good if end == End::Promoted => return reached(None),
            Soaked::Good => {
                if !drive.next_step().await? {
                    if !driven {
                        return reached(None);
                    }
                    stays = true;
                }
            }
        }
    }
}

/// What a drive reached.
pub struct Reached {
    /// The goal.
    pub end: End,
    /// Why it rolled back by itself, if it did.
    pub failed: Option<(Failure, String)>,
    /// Why nothing can be said of the canary, when that was asked.
    pub undecided: Option<String>,
}

fn interrupted(error: Error, target: &Target) -> Error {
    if error.kind() != Kind::Interrupted {
        return error;
    }
    error
        .with_detail("the canary stays as it is")
        .with_hint(format!("check it:  {}", target.words("status", "")))
        .with_hint(format!("go on:  {}", target.words("resume", "")))
        .with_hint(format!("roll back:  {}", target.words("abort", "")))
}
