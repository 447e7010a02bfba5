//! `pause`: a rollout in steps stays where it is, parked.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;

use crate::commands::answer;
use crate::commands::flags::{Common, DryRunArgs, WaitArgs};
use crate::drive::ask::{self, Answered};
use crate::drive::plan::ahead::{self, How};
use crate::drive::plan::foresee::{Driven, Pace};
use crate::drive::rollout;
use crate::drive::session::{Drove, Open, read};
use crate::model::machine::split::choose;
use crate::model::record::{Goal, Record};
use crate::model::weight::Weight;

/// Park the canary where it is
///
/// A rollout in steps ends at its current weight, and no process drives it any more. Continue with
/// another weight, `promote` or `abort`.
#[derive(Args, Debug)]
pub struct PauseArgs {
    #[command(flatten)]
    dry: DryRunArgs,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    common: Common,
}

/// Pauses.
///
/// # Errors
///
/// That it cannot be parked; what the server says; conflicts.
pub async fn run(args: PauseArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.dry.written(args.common.open(frame).await?)?;
    loop {
        let read = interrupt.guard(read(&open)).await?;
        let goal = goal(&open, &read.0.record)?;
        let aim = |record: &mut Record| record.stay();
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
            Drove::Blocked => return Ok(answer::blocked("paused", ui)),
            Drove::Other(driver) => {
                ui.status(format_args!("{driver} is driving; asking it to park"));
                // It is driven on from here when its driver has ended, or gone.
                if ask::ask(&open, &goal, patience.goal, interrupt).await? == Answered::Done {
                    ui.answer("the canary has ended meanwhile.\n")?;
                    return Ok(Exit::Done);
                }
            }
        }
    }
}

/// Returns the weight to stay at.
fn goal(open: &Open, record: &Record) -> Result<Goal> {
    let name = &open.target.name;
    let on_its_way = |what: &str| {
        Error::conflict(format!(
            "the canary of {name} is {what}: it cannot be parked now"
        ))
        .with_hint(format!("finish that:  {}", open.target.words("resume", "")))
    };
    match &record.goal {
        Goal::Hold { weight } if !parks(record, *weight) => Err(Error::conflict(format!(
            "the canary of {name} cannot be parked: it holds only while it is driven"
        ))
        .with_hint(format!("roll it back:  {}", open.target.words("abort", "")))),
        Goal::Hold { .. } => Ok(record.goal.clone()),
        Goal::Promote { .. } => Err(on_its_way("being promoted")),
        Goal::Abort { .. } => Err(on_its_way("being rolled back")),
    }
}

/// Says whether a canary can be left at this weight.
fn parks(record: &Record, weight: Weight) -> bool {
    let replicas = record.original.replicas;
    let own = record.own_steps(replicas);
    let split = choose(replicas, own, record.budget, record.layout, weight);
    split.is_some_and(|split| split.parks)
}
