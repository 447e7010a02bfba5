//! `plan`: what a canary would do, with nothing written.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::answer;
use crate::commands::flags::{ChangeArgs, Common, ShapeArgs};
use crate::drive::plan::make;
use crate::model::intent::{Course, Intent};
use crate::model::weight::Weights;

/// Show what a canary would do, pod by pod, and what blocks it
///
/// Nothing is written. The numbers come from an exact model of the Deployment's controller. The exit
/// code is 3 when something blocks the canary, and 4 when something could not be seen.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Percentage of pods for the canary, such as 10%, or several: 10,25,50
    #[arg(index = 2, value_name = "WEIGHTS")]
    steps: Weights,

    #[command(flatten)]
    change: ChangeArgs,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    common: Common,
}

/// Plans.
///
/// # Errors
///
/// What the server says; what keeps any canary from beginning.
pub async fn run(args: PlanArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.common.open(frame).await?;
    let intent = Intent {
        weights: args.steps,
        change: args.change.change(&open.target.name, interrupt).await?,
        split: args.shape.split(),
        course: Course::Rest,
        asked: None,
        accepted: args.shape.accepted(),
    };
    let (plan, blocked) = interrupt.guard(make(&intent, &open)).await?;
    answer::plan(&plan, &args.common.output, ui)?;
    open.session.finish()?;
    Ok(answer::exit(&plan, blocked))
}
