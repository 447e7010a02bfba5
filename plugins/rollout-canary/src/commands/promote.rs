//! `promote`.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use crate::commands::answer;
use crate::commands::flags::{Common, WaitArgs};
use crate::drive::ask::{self, Answered};
use crate::drive::session::{open, read};
use crate::drive::{rollout, this_process};
use crate::model::record::{Goal, Record};

/// Make everything the canary
///
/// The pods that were observed stay and become the new stable ones; the rest follows natively, and
/// never fewer pods are Ready than asked for.
#[derive(Args, Debug)]
pub struct PromoteArgs {
    /// Go to the next weight of a rollout in steps, and watch it
    #[arg(long)]
    step: bool,

    /// Make everything the canary at once, whatever steps are left; the default
    #[arg(long, conflicts_with = "step")]
    full: bool,

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
    loop {
        let read = interrupt.guard(read(&open)).await?;
        let record = &read.0.record;
        if matches!(record.goal, Goal::Abort { .. }) {
            return Err(Error::conflict(format!(
                "the canary of {} is being taken back",
                open.target.name
            ))
            .with_hint(format!("finish that:  {}", open.target.words("resume", ""))));
        }
        let goal = wanted(&args, record, this_process::me(read.1.now()).user)?;
        let aim = |record: &mut Record| {
            let is_on_its_way = matches!(record.goal, Goal::Promote { .. });
            if !is_on_its_way {
                record.aim(goal.clone());
            }
            if args.full || !args.step {
                record.rollout = None;
            } else if let Some(rollout) = &mut record.rollout {
                rollout.advance();
            }
        };
        let patience = args.wait.patience();
        match open.drive(ui, interrupt, read, patience, aim).await? {
            Ok(mut drive) => {
                let reached = rollout::run(&mut drive, &open.target, ui).await?;
                return answer::tell(&drive, &reached, &open.target, &args.common.output, ui);
            }
            Err(driver) => {
                ui.status(format_args!("{driver} drives; asking it to promote"));
                if ask::ask(&open, &goal, patience.goal, interrupt).await? == Answered::Done {
                    ui.answer("promoted by its driver.\n")?;
                    return Ok(Exit::Done);
                }
            }
        }
    }
}

/// What `--step` asks for: the next weight of the rollout; without it, everything.
fn wanted(args: &PromoteArgs, record: &Record, by: String) -> Result<Goal> {
    if !args.step {
        return Ok(Goal::Promote { by });
    }
    let rollout = record.rollout.as_ref().ok_or_else(|| {
        Error::usage("this canary has no steps: it was not started with --steps")
            .with_hint("state the next weight instead, or promote without --step")
    })?;
    Ok(rollout
        .next()
        .map_or(Goal::Promote { by }, |weight| Goal::Hold { weight }))
}
