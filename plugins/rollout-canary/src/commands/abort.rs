//! `abort`.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use super::{Common, WaitArgs, ending, open, read, start};
use crate::drive;
use crate::record::{Driver, Goal, Record};

/// Take the canary back
///
/// Everything becomes stable again, never fewer pods are Ready than asked for, and the Deployment is
/// compared with what it was before.
#[derive(Args, Debug)]
pub struct AbortArgs {
    /// Leave the template that is in the Deployment where it is
    #[arg(long)]
    keep_spec: bool,

    /// Why, for the record
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,

    /// Overwrite what somebody else changed in between
    #[arg(long)]
    force_conflicts: bool,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    pub common: Common,
}

/// Aborts.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn run(args: AbortArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let read = interrupt.guard(read(&open)).await?;
    let by = Driver::me(read.1.now()).user;
    let (keep, force, reason) = (args.keep_spec, args.force_conflicts, args.reason.clone());
    let aim = move |record: &mut Record| {
        // A Deployment that was paused with its template pending got that from somewhere; it
        // stays there.
        let keep_spec = keep || record.original.pending;
        record.aim(Goal::Abort {
            keep_spec,
            force,
            reason: reason.clone(),
            failed: None,
            by: by.clone(),
        });
    };
    let mut drive = match open
        .drive(ui, interrupt, read, args.wait.patience(), aim)
        .await?
    {
        Ok(drive) => drive,
        Err(driver) => return Err(drive::other(&driver)),
    };
    let reached = ending::run(&mut drive, &open.target).await?;
    start::tell(&drive, &reached, &open.target, &args.common.output, ui)
}
