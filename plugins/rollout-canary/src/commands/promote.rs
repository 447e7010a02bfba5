//! `promote` and `resume`.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use super::{Common, WaitArgs, ending, open, read, start};
use crate::drive;
use crate::record::Goal;

/// Make everything the canary
///
/// The pods that were observed stay and become the new stable ones; the rest follows natively, and
/// never fewer pods are Ready than asked for.
#[derive(Args, Debug)]
pub struct PromoteArgs {
    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    pub common: Common,
}

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

/// Promotes.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn run(args: PromoteArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let read = interrupt.guard(read(&open)).await?;
    let by = crate::record::Driver::me(read.1.now()).user;
    let aim = move |record: &mut crate::record::Record| {
        if !matches!(record.goal, Goal::Promote { .. }) {
            record.aim(Goal::Promote { by: by.clone() });
        }
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

/// Resumes.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn resume(args: ResumeArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let read = interrupt.guard(read(&open)).await?;
    let mut drive = match open
        .drive(ui, interrupt, read, args.wait.patience(), |_| {})
        .await?
    {
        Ok(drive) => drive,
        Err(driver) => return Err(drive::other(&driver)),
    };
    let reached = ending::run(&mut drive, &open.target).await?;
    start::tell(&drive, &reached, &open.target, &args.common.output, ui)
}
