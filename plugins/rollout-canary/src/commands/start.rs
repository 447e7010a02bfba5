//! `kubectl rollout-canary web 10%`: start, or move to a weight.

pub(super) mod begin;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, Format, Globals, KubeArgs, OutputArgs};
use groundcrew::output::{json, yaml};
use groundcrew::ui::Ui;

use super::ending::{self, Reached};
use super::judging::JudgeArgs;
use super::plan::PlanArgs;
use super::{Open, WaitArgs, open};
use crate::change::ChangeArgs;
use crate::drive::{self, Drive};
use crate::judge::Asked;
use crate::machine::End;
use crate::observe::Target;
use crate::record::{Goal, Layout, Record, Rollout, Stored};
use crate::traffic::Router;
use crate::view::Status;
use crate::{render, weight};

/// What the first command takes.
#[derive(Args, Debug)]
pub struct StartArgs {
    /// Which Deployment: web or deploy/web
    #[arg(value_name = "DEPLOYMENT", add = crate::complete::deployments())]
    deployment: Option<String>,

    /// The canary's share of the pods, such as 10%; without it, the answer is where the canary is
    #[arg(value_name = "WEIGHT", value_parser = weight::parse)]
    weight: Option<f64>,

    #[command(flatten)]
    pub(super) change: ChangeArgs,

    #[command(flatten)]
    pub(super) shape: ShapeArgs,

    #[command(flatten)]
    rollout: RolloutArgs,

    #[command(flatten)]
    judge: JudgeArgs,

    #[command(flatten)]
    wait: WaitArgs,

    /// Show what would be done, as `plan` does: the server checks the template in both modes
    #[arg(
        long,
        value_name = "MODE",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "none",
        default_missing_value = "client",
        help_heading = "Write options"
    )]
    dry_run: DryRun,

    #[command(flatten)]
    pub(super) output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    pub(super) kube: KubeArgs,
}

/// How the split is made.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "How it is split")]
pub struct ShapeArgs {
    /// Layout at rest
    #[arg(long, value_name = "LAYOUT", value_enum, default_value = "auto")]
    pub layout: Layout,

    /// Most pods above the replicas, as a number or in percent
    /// [default: the Deployment's maxSurge, at least 1]
    #[arg(long, value_name = "PODS", value_parser = weight::surge)]
    pub surge: Option<weight::Surge>,

    /// Who gives the canary its share of the requests [default: replicas]
    #[arg(long, value_name = "ROUTER", value_enum)]
    pub traffic: Option<Router>,

    /// Take a split that is far from the weight, or that cannot be parked
    #[arg(long)]
    pub accept_weight: bool,
}

/// A rollout in steps.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "A rollout in steps")]
pub struct RolloutArgs {
    /// Weights to go through, such as 10,25,50,100; this command stays and drives
    #[arg(long, value_name = "WEIGHTS", value_parser = weight::steps, conflicts_with = "weight")]
    pub steps: Option<weight::Steps>,

    /// How long a look at the canary takes that would find what is wrong; each weight is watched
    /// for twice that
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        requires = "steps"
    )]
    pub smoke: Span,

    /// What happens after the last weight: hold it, or promote
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value = "hold",
        requires = "steps"
    )]
    pub auto: Auto,

    /// How long everything is watched after the promotion
    #[arg(long, value_name = "DURATION", default_value = "0", requires = "steps")]
    pub bake: Span,

    /// Return at the first weight; `resume` goes on from any terminal
    #[arg(long, requires = "steps")]
    pub detach: bool,
}

/// What happens after the last weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Auto {
    /// It stays; promotion is up to you
    #[default]
    Hold,
    /// It is promoted
    Promote,
}

impl RolloutArgs {
    fn rollout(&self) -> Option<Rollout> {
        let steps = self.steps.as_ref()?;
        Some(Rollout {
            steps: steps.0.clone(),
            at: 0,
            soak: 2 * self.smoke.0.as_secs(),
            soaked: 0,
            promote: self.auto == Auto::Promote,
            bake: self.bake.0.as_secs(),
        })
    }
}

impl StartArgs {
    /// Returns what the canary is to be judged by, if this command says so.
    fn asked(&self) -> Result<Option<Asked>> {
        if self.judge.is_empty() && self.rollout.steps.is_none() {
            return Ok(None);
        }
        self.judge.asked(self.rollout.smoke.0).map(Some)
    }
}

/// Starts or moves.
///
/// # Errors
///
/// Usage; what the server says; conflicts.
pub async fn run(args: StartArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let first = args
        .rollout
        .steps
        .as_ref()
        .and_then(|steps| steps.0.first().copied());
    let Some(name) = &args.deployment else {
        return Err(Error::usage("no Deployment is stated").with_hint(EXAMPLE));
    };
    let percent = args.weight.or(first);
    if percent.is_none() && !args.change.is_empty() {
        return Err(Error::usage("no weight is stated").with_hint(EXAMPLE));
    }
    let asked = args.asked()?;
    if args.dry_run != DryRun::None {
        let steps = args.rollout.steps.clone();
        let steps = steps.or_else(|| percent.map(|percent| weight::Steps(vec![percent])));
        let Some(steps) = steps else {
            return Err(
                Error::usage("--dry-run shows a start, and no weight is stated").with_hint(EXAMPLE),
            );
        };
        let name = name.clone();
        return super::plan::run(PlanArgs::instead_of(args, name, steps), ui, interrupt).await;
    }
    let open = open(&args.kube, name, ui).await?;
    let Some(percent) = percent else {
        return super::status::once(&open, &args.output, ui, interrupt).await;
    };
    let read = interrupt.guard(open.store.read(&open.session)).await?;
    let (stored, clock) = read;
    let mut drive = match stored {
        Some(stored) => {
            interrupt.guard(check_move(&args, &open, &stored)).await?;
            let rollout = args.rollout.rollout();
            let router = args.shape.traffic;
            let aim = move |record: &mut Record| {
                aim(record, percent, rollout.as_ref());
                record.router = router.unwrap_or(record.router);
                record.asked = asked.clone().or_else(|| record.asked.take());
            };
            let patience = args.wait.patience();
            match open
                .drive(ui, interrupt, (stored, clock), patience, aim)
                .await?
            {
                Ok(drive) => drive,
                Err(driver) => return Err(drive::other(&driver)),
            }
        }
        None => {
            let begin = begin::begin(&args, asked, &open, clock, percent, ui, interrupt);
            begin.await?
        }
    };
    let reached = if args.rollout.detach {
        ending::once(&mut drive, &open.target).await?
    } else {
        ending::run(&mut drive, &open.target, ui).await?
    };
    tell(&drive, &reached, &open.target, &args.output, ui)
}

const EXAMPLE: &str =
    "for example:  kubectl rollout-canary web 10% --image web=registry.example/web:2";

fn aim(record: &mut Record, percent: f64, rollout: Option<&Rollout>) {
    record.rollout = rollout.cloned();
    let same = matches!(&record.goal, Goal::Hold { percent: now } if (now - percent).abs() < 1e-9);
    if !same {
        record.aim(Goal::Hold { percent });
    }
}

/// Checks a move to another weight: the same canary, and one that is not on its way out.
async fn check_move(args: &StartArgs, open: &Open, stored: &Stored) -> Result<()> {
    let record = &stored.record;
    let under_way = |what: &str| {
        Error::conflict(format!("the canary of {} is {what}", open.target.name))
            .with_hint(format!("finish that:  {}", open.target.words("resume", "")))
    };
    match &record.goal {
        Goal::Hold { .. } => {}
        Goal::Promote { .. } => return Err(under_way("being promoted")),
        Goal::Abort { .. } => return Err(under_way("being taken back")),
    }
    if args.change.is_empty() {
        return Ok(());
    }
    let base = &record.original.template;
    let template = args
        .change
        .template(&open.session, &open.target, base)
        .await?;
    if template == record.canary {
        return Ok(());
    }
    Err(
        Error::conflict(format!("{} has another canary already", open.target.name))
            .with_hint(format!(
                "take it back first:  {}",
                open.target.words("abort", "")
            ))
            .with_hint(format!(
                "or make it all:  {}",
                open.target.words("promote", "")
            )),
    )
}

/// Answers what was reached.
///
/// # Errors
///
/// When stdout is gone.
pub fn tell(
    drive: &Drive<'_>,
    reached: &Reached,
    target: &Target,
    output: &OutputArgs,
    ui: &Ui,
) -> Result<Exit> {
    let record = &drive.stored.record;
    let held = matches!(reached.end, End::Parked | End::Held);
    let status = Status::of(
        target,
        held.then_some(record),
        &drive.watching.cluster,
        drive.clock.now(),
    );
    match output.format {
        Format::Json => ui.answer(json(&status.document())?)?,
        Format::Yaml => ui.answer(yaml(&status.document())?)?,
        Format::Name => ui.answer(format_args!("deployment.apps/{}\n", target.name))?,
        Format::Table | Format::Wide => match reached.end {
            End::Parked | End::Held => ui.answer(render::reached(&status, target))?,
            End::Promoted => ui.answer(format_args!(
                "promoted: {} of {} pods are the canary's template; its own pods stayed.\n",
                status.stable.replicas, status.replicas
            ))?,
            End::Aborted => ui.answer(restored(drive, record))?,
        },
    }
    if let Some((failure, reason)) = &reached.failed {
        let (words, exit) = ending::rolled_back(*failure);
        ui.status(format_args!("{words}: {reason}"));
        return Ok(exit);
    }
    if let Some(why) = &reached.undecided {
        ui.status(format_args!("undecided, and held: {why}"));
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Done)
}

/// Compares the Deployment with what it was.
fn restored(drive: &Drive<'_>, record: &Record) -> String {
    let seen = drive.watching.cluster.seen(record, drive.clock.now());
    let differences = crate::machine::differences(record, &seen);
    if differences.is_empty() {
        return "aborted: everything is stable again; 0 differences from the snapshot.\n"
            .to_owned();
    }
    format!(
        "aborted: everything is stable again; not as in the snapshot: {}.\n",
        differences.join(", ")
    )
}
