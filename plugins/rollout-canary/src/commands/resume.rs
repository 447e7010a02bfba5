//! `resume`.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use crate::commands::answer;
use crate::commands::flags::{Common, WaitArgs};
use crate::drive::session::{open, read};
use crate::drive::{lease, rollout};

/// Go on with what was interrupted
///
/// Reads the record and the cluster, compares, and does what is missing.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    pub common: Common,
}

/// Resumes.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn run(args: ResumeArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let read = interrupt.guard(read(&open)).await?;
    let mut drive = match open
        .drive(ui, interrupt, read, args.wait.patience(), |_| {})
        .await?
    {
        Ok(drive) => drive,
        Err(driver) => return Err(lease::other(&driver)),
    };
    let reached = rollout::run(&mut drive, &open.target, ui).await?;
    answer::tell(&drive, &reached, &open.target, &args.common.output, ui)
}
