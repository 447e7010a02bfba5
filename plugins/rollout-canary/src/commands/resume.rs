//! `resume`.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::answer;
use crate::commands::flags::{Common, DryRunArgs, WaitArgs};
use crate::drive::plan::foresee::{Driven, Pace};
use crate::drive::session::read_if_any;
use crate::drive::{lease, rollout};

/// Resume an interrupted rollout
///
/// Reads the record and the cluster, compares them, and does what is missing.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    dry: DryRunArgs,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    common: Common,
}

/// Resumes.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn run(args: ResumeArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.common.open(frame).await?;
    let read = interrupt.guard(read_if_any(&open)).await?;
    let Some(read) = read else {
        return answer::nothing(&open, "resume", ui);
    };
    let output = &args.common.output;
    if let Some(dry_run) = args.dry.mode() {
        let how = (Pace::ToTheEnd, Driven::ByNobodyElse);
        return answer::foresee(&open, &read, how, |_| {}, (dry_run, output), frame).await;
    }
    let patience = args.wait.patience();
    let mut drive = match open.drive(ui, interrupt, read, patience, |_| {}).await? {
        Ok(drive) => drive,
        Err(driver) => return Err(lease::other(&driver)),
    };
    let reached = rollout::run(&mut drive, &open.target, ui).await?;
    answer::tell(&drive, &reached, &open.target, output, ui)
}
