//! `resume`.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::answer;
use crate::commands::flags::{Common, DryRunArgs, WaitArgs};
use crate::drive::plan::ahead::{self, How};
use crate::drive::plan::foresee::{Driven, Pace};
use crate::drive::session::{Drove, read_if_any};
use crate::drive::{lease, rollout};
use crate::model::findings::question::ACCEPT_NO_TRAFFIC;

/// Resume an interrupted rollout
///
/// Reads the record and the cluster, compares them, and does what is missing.
#[derive(Args, Debug)]
pub struct ResumeArgs {
    /// Promote although a Service does not select the canary
    #[arg(long)]
    accept_no_traffic: bool,

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
    let open = args.dry.written(args.common.open(frame).await?)?;
    let read = interrupt.guard(read_if_any(&open)).await?;
    let Some(read) = read else {
        return answer::nothing(&open, "resume", ui);
    };
    let output = &args.common.output;
    let accepted: Vec<&str> = args
        .accept_no_traffic
        .then_some(ACCEPT_NO_TRAFFIC)
        .into_iter()
        .collect();
    if let Some(dry_run) = args.dry.mode() {
        let how = (Pace::ToTheEnd, Driven::ByNobodyElse, &accepted[..]);
        return answer::foresee(&open, &read, how, |_| {}, (dry_run, output), frame).await;
    }
    let patience = args.wait.patience();
    let how = How {
        pace: Pace::ToTheEnd,
        patience,
        accepted: &accepted,
    };
    let mut drive = match ahead::drive(&open, (ui, interrupt), read, how, |_| {}).await? {
        Drove::Mine(drive) => drive,
        Drove::Blocked => return Ok(answer::blocked("resumed", ui)),
        Drove::Other(driver) => return Err(lease::other(&driver)),
    };
    let reached = rollout::run(&mut drive, &open.target, ui).await?;
    answer::tell(&drive, &reached, &open.target, output, ui)
}
