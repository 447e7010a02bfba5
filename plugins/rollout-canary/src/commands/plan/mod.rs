//! `plan`: what a canary would do, with nothing written.

pub mod render;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, Globals, KubeArgs, OutputArgs};
use groundcrew::output::{Document, Kind, json, yaml};
use groundcrew::ui::Ui;

use crate::commands::flags::{self, ChangeArgs, ShapeArgs};
use crate::drive::plan::make;
use crate::drive::session::open;
use crate::model::intent::{Course, Intent};
use crate::model::target;
use crate::model::weight::Weights;

/// Show what a canary would do, pod by pod, and what stands in the way
///
/// Nothing is written. The numbers come from an exact model of the Deployment's controller. The exit
/// code is 3 when something would keep it from working, 4 when something could not be seen.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Which Deployment: web or deploy/web
    #[arg(value_name = "DEPLOYMENT", add = flags::deployments())]
    deployment: String,

    /// The canary's share of the pods, such as 10%, or weights to go through: 10,25,50
    #[arg(value_name = "WEIGHTS")]
    steps: Weights,

    #[command(flatten)]
    change: ChangeArgs,

    #[command(flatten)]
    shape: ShapeArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Plans.
///
/// # Errors
///
/// What the server says; what keeps any canary from beginning.
pub async fn run(args: PlanArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let name = target::parse(&args.deployment)?;
    let intent = Intent {
        weights: args.steps,
        change: args.change.change(&name)?,
        split: args.shape.split(),
        course: Course::Rest,
        asked: None,
    };
    show(&intent, &name, (&args.kube, &args.output), ui, interrupt).await
}

/// Shows what a start would do that asks for this.
///
/// # Errors
///
/// As [`run`].
pub async fn show(
    intent: &Intent,
    name: &str,
    (kube, output): (&KubeArgs, &OutputArgs),
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let open = open(kube, name, ui).await?;
    let (plan, blocked) = interrupt.guard(make(intent, &open)).await?;
    ui.answer(match output.format {
        Format::Json => json(&Document::new(Kind::CanaryPlan, &plan))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryPlan, &plan))?,
        Format::Name => format!("deployment.apps/{}\n", plan.deployment),
        Format::Table | Format::Wide => render::plan(&plan, !output.no_headers),
    })?;
    open.session.finish()?;
    Ok(match () {
        () if blocked => Exit::No,
        () if !plan.unseen.is_empty() => Exit::Incomplete,
        () => Exit::Done,
    })
}
