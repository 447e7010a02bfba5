//! `abort`.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::answer;
use crate::commands::flags::{Common, DryRunArgs, WaitArgs};
use crate::drive::ask::{self, Answered};
use crate::drive::plan::ahead::{self, How};
use crate::drive::plan::foresee::{Driven, Pace};
use crate::drive::session::{Drove, read_if_any};
use crate::drive::{rollout, this_process};
use crate::model::record::form::Original;
use crate::model::record::{Goal, Record};

/// Roll the canary back
///
/// All pods become stable again, and never fewer of them are Ready than there are replicas. Then the
/// Deployment is compared with its state before the canary.
#[derive(Args, Debug)]
pub struct AbortArgs {
    /// Keep the current template (the default where Argo CD or Flux manage it, or it was pending)
    #[arg(long)]
    keep_spec: bool,

    /// Reason, for the record
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: String,

    /// Overwrite what others changed in the meantime
    #[arg(long)]
    force_conflicts: bool,

    #[command(flatten)]
    dry: DryRunArgs,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    common: Common,
}

impl AbortArgs {
    fn goal(&self, original: &Original, by: String) -> Goal {
        Goal::Abort {
            keep_spec: self.keeps_spec(original),
            force: self.force_conflicts,
            reason: self.reason.clone(),
            failed: None,
            by,
        }
    }

    /// Says whether the template that is in the Deployment stays there. One that was pending in a
    /// paused Deployment came from somewhere; and where Git is carried out by itself, a template
    /// that came in between is Git's.
    fn keeps_spec(&self, original: &Original) -> bool {
        let is_gits = original.keeper.is_some() && !self.force_conflicts;
        self.keep_spec || original.pending || is_gits
    }
}

/// Aborts.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn run(args: AbortArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.dry.written(args.common.open(frame).await?)?;
    loop {
        let read = interrupt.guard(read_if_any(&open)).await?;
        let Some(read) = read else {
            return answer::nothing(&open, "roll back", ui);
        };
        let by = this_process::me(read.1.now()).user;
        let goal = args.goal(&read.0.record.original, by);
        let aim = |record: &mut Record| record.aim(goal.clone());
        if let Some(dry_run) = args.dry.mode() {
            let how = (Pace::ToTheEnd, Driven::ByAnybody, &[][..]);
            let output = &args.common.output;
            return answer::foresee(&open, &read, how, aim, (dry_run, output), frame).await;
        }
        let patience = args.wait.patience();
        let how = How {
            pace: Pace::ToTheEnd,
            patience,
            accepted: &[],
        };
        match ahead::drive(&open, (ui, interrupt), read, how, aim).await? {
            Drove::Mine(mut drive) => {
                let reached = rollout::run(&mut drive, &open.target, ui).await?;
                return answer::tell(&drive, &reached, &open.target, &args.common.output, ui);
            }
            Drove::Blocked => return Ok(answer::blocked("rolled back", ui)),
            Drove::Other(driver) => {
                ui.status(format_args!("{driver} is driving; asking it to roll back"));
                if ask::ask(&open, &goal, patience.goal, interrupt).await? == Answered::Done {
                    ui.answer("aborted by its driver.\n")?;
                    return Ok(Exit::Done);
                }
            }
        }
    }
}
