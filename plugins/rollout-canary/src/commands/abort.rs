//! `abort`.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use crate::commands::answer;
use crate::commands::flags::{Common, WaitArgs};
use crate::drive::ask::{self, Answered};
use crate::drive::session::{open, read};
use crate::drive::{rollout, this_process};
use crate::model::record::form::Original;
use crate::model::record::{Goal, Record};

/// Take the canary back
///
/// Everything becomes stable again, never fewer pods are Ready than asked for, and the Deployment is
/// compared with what it was before.
#[derive(Args, Debug)]
pub struct AbortArgs {
    /// Leave the template that is in the Deployment where it is; the default where Argo CD or Flux
    /// keep the Deployment, and for one that was pending
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

impl AbortArgs {
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
pub async fn run(args: AbortArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    loop {
        let read = interrupt.guard(read(&open)).await?;
        let goal = Goal::Abort {
            keep_spec: args.keeps_spec(&read.0.record.original),
            force: args.force_conflicts,
            reason: args.reason.clone(),
            failed: None,
            by: this_process::me(read.1.now()).user,
        };
        let aim = |record: &mut Record| record.aim(goal.clone());
        let patience = args.wait.patience();
        match open.drive(ui, interrupt, read, patience, aim).await? {
            Ok(mut drive) => {
                let reached = rollout::run(&mut drive, &open.target, ui).await?;
                return answer::tell(&drive, &reached, &open.target, &args.common.output, ui);
            }
            Err(driver) => {
                ui.status(format_args!("{driver} drives; asking for the way back"));
                if ask::ask(&open, &goal, patience.goal, interrupt).await? == Answered::Done {
                    ui.answer("aborted by its driver.\n")?;
                    return Ok(Exit::Done);
                }
            }
        }
    }
}
