//! `promote`.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;

use crate::commands::answer;
use crate::commands::flags::{Common, DryRunArgs, WaitArgs};
use crate::drive::ask::{self, Answered};
use crate::drive::plan::ahead::{self, How};
use crate::drive::plan::foresee::{Driven, Pace};
use crate::drive::session::{Drove, read};
use crate::drive::{rollout, this_process};
use crate::model::findings::question::ACCEPT_NO_TRAFFIC;
use crate::model::record::{Goal, Record};

/// Promote the canary to all pods
///
/// The pods that were observed stay and become the new stable ones. The Deployment's controller
/// replaces the rest, and never fewer pods are Ready than there are replicas.
#[derive(Args, Debug)]
pub struct PromoteArgs {
    /// Go to the next weight of a rollout in steps, and watch it
    #[arg(long)]
    step: bool,

    /// Promote to all pods at once, whatever steps are left (the default)
    #[arg(long, conflicts_with = "step")]
    full: bool,

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

impl PromoteArgs {
    /// What is asked for: the next weight of the rollout with `--step`, everything without.
    fn goal(&self, record: &Record, by: String) -> Result<Goal> {
        if !self.step {
            return Ok(Goal::Promote { by });
        }
        let rollout = record.rollout.as_ref().ok_or_else(|| {
            Error::usage("this canary has no steps: it was not started with --steps")
                .with_hint("give the next weight instead, or promote without --step")
        })?;
        Ok(rollout
            .next()
            .map_or(Goal::Promote { by }, |weight| Goal::Hold { weight }))
    }

    fn accepted(&self) -> Vec<&'static str> {
        let flag = self.accept_no_traffic.then_some(ACCEPT_NO_TRAFFIC);
        flag.into_iter().collect()
    }

    fn aim(&self, record: &mut Record, goal: &Goal) {
        if !matches!(record.goal, Goal::Promote { .. }) {
            record.aim(goal.clone());
        }
        if self.full || !self.step {
            record.rollout = None;
        } else if let Some(rollout) = &mut record.rollout {
            rollout.advance();
        }
    }
}

/// Promotes.
///
/// # Errors
///
/// What the server says; conflicts.
pub async fn run(args: PromoteArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.dry.written(args.common.open(frame).await?)?;
    loop {
        let read = interrupt.guard(read(&open)).await?;
        let record = &read.0.record;
        if matches!(record.goal, Goal::Abort { .. }) {
            let name = &open.target.name;
            let finish = format!("finish that:  {}", open.target.words("resume", ""));
            let error = Error::conflict(format!("the canary of {name} is being rolled back"));
            return Err(error.with_hint(finish));
        }
        let goal = args.goal(record, this_process::me(read.1.now()).user)?;
        let aim = |record: &mut Record| args.aim(record, &goal);
        if let Some(dry_run) = args.dry.mode() {
            let accepted = args.accepted();
            let how = (Pace::ToTheEnd, Driven::ByAnybody, &accepted[..]);
            let output = &args.common.output;
            return answer::foresee(&open, &read, how, aim, (dry_run, output), frame).await;
        }
        let patience = args.wait.patience();
        let how = How {
            pace: Pace::ToTheEnd,
            patience,
            accepted: &args.accepted(),
        };
        match ahead::drive(&open, (ui, interrupt), read, how, aim).await? {
            Drove::Mine(mut drive) => {
                let reached = rollout::run(&mut drive, &open.target, ui).await?;
                return answer::tell(&drive, &reached, &open.target, &args.common.output, ui);
            }
            Drove::Blocked => return Ok(answer::blocked("promoted", ui)),
            Drove::Other(driver) => {
                ui.status(format_args!("{driver} is driving; asking it to promote"));
                if ask::ask(&open, &goal, patience.goal, interrupt).await? == Answered::Done {
                    ui.answer("promoted by its driver.\n")?;
                    return Ok(Exit::Done);
                }
            }
        }
    }
}
