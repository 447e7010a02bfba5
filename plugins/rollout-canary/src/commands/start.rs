//! `kubectl rollout-canary web 10%`: start, or move to a weight.

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, OutputArgs};

use crate::cluster::records::Stored;
use crate::cluster::watch::Watching;
use crate::cluster::{deployment, template};
use crate::commands::answer;
use crate::commands::flags::{self, ChangeArgs, DryRunArgs, JudgeArgs, ShapeArgs, WaitArgs, open};
use crate::drive::begin::Begun;
use crate::drive::plan::Look;
use crate::drive::plan::foresee::{self, Driven, Pace};
use crate::drive::session::{Drove, Open};
use crate::drive::{begin, lease, plan, rollout, this_process};
use crate::model::change::Change;
use crate::model::intent::{Course, Intent, Split};
use crate::model::record::{Goal, Record, Rollout};
use crate::model::target;
use crate::model::verdict::asked::Asked;
use crate::model::weight::{Weight, Weights};

/// What the first command takes.
#[derive(Args, Debug)]
pub struct StartArgs {
    /// Deployment: web or deploy/web; for one with the name of a command, deploy/status
    #[arg(value_name = "DEPLOYMENT", add = flags::deployments())]
    deployment: Option<String>,

    /// Percentage of pods for the canary, such as 10%; omit it to show the current state
    #[arg(value_name = "WEIGHT")]
    weight: Option<Weight>,

    /// The same as WEIGHT
    #[arg(
        long = "weight",
        value_name = "WEIGHT",
        conflicts_with_all = ["weight", "steps"],
        hide = true
    )]
    weight_flag: Option<Weight>,

    /// Take the nearest possible split without a question
    #[arg(short = 'y', long, hide = true)]
    yes: bool,

    #[command(flatten)]
    dry: DryRunArgs,

    #[command(flatten)]
    wait: WaitArgs,

    #[command(flatten)]
    pub change: ChangeArgs,

    #[command(flatten)]
    pub shape: ShapeArgs,

    #[command(flatten)]
    rollout: RolloutArgs,

    #[command(flatten)]
    judge: JudgeArgs,

    #[command(flatten)]
    pub output: OutputArgs,
}

/// A rollout in steps.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Rollout in steps")]
pub struct RolloutArgs {
    /// Weights to go through, such as 10,25,50,100; this command drives them
    #[arg(long, value_name = "WEIGHTS", conflicts_with = "weight")]
    pub steps: Option<Weights>,

    /// Each weight is watched for twice this long
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "5m",
        requires = "steps"
    )]
    pub smoke: Span,

    /// After the last weight
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        default_value = "hold",
        requires = "steps"
    )]
    pub auto: Auto,

    /// How long to watch after the promotion
    #[arg(long, value_name = "DURATION", default_value = "0", requires = "steps")]
    pub bake: Span,

    /// Return at the first weight; `resume` continues from any terminal
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
    fn course(&self) -> Course {
        let Some(steps) = &self.steps else {
            return Course::Rest;
        };
        let rollout = Rollout {
            steps: steps.clone(),
            at: 0,
            soak: 2 * self.smoke.0.as_secs(),
            soaked: 0,
            promote: self.auto == Auto::Promote,
            bake: self.bake.0.as_secs(),
        };
        if self.detach {
            Course::Detached(rollout)
        } else {
            Course::Driven(rollout)
        }
    }
}

/// What the words of the root command ask for.
#[derive(Debug)]
pub enum Meant {
    /// To know where the canary of this Deployment is.
    Status(String),
    /// To start, or to move.
    Start(String, Box<Intent>),
}

impl StartArgs {
    /// Says what is meant.
    ///
    /// # Errors
    ///
    /// Usage.
    pub async fn meant(&self, interrupt: &Interrupt) -> Result<Meant> {
        let Some(name) = &self.deployment else {
            return Err(Error::usage("a Deployment is required").with_hint(EXAMPLE));
        };
        let name = target::parse(name)?;
        let one = self.weight.or(self.weight_flag).map(Weights::from);
        let Some(weights) = one.or_else(|| self.rollout.steps.clone()) else {
            if self.dry.mode().is_none() && self.change.is_empty() {
                return Ok(Meant::Status(name));
            }
            return Err(Error::usage("a weight is required").with_hint(EXAMPLE));
        };
        let intent = Intent {
            weights,
            change: self.change.change(&name, interrupt).await?,
            split: Split {
                yes: self.yes,
                ..self.shape.split()
            },
            course: self.rollout.course(),
            asked: self.asked()?,
            accepted: self.shape.accepted(),
        };
        Ok(Meant::Start(name, Box::new(intent)))
    }

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
pub async fn run(
    args: StartArgs,
    (name, intent): (String, Box<Intent>),
    frame: &Frame,
) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.dry.written(open(frame, &name).await?)?;
    let (stored, clock) = interrupt.guard(open.store.read(&open.session)).await?;
    if let Some(dry_run) = args.dry.mode() {
        return match stored {
            Some(stored) => foresee_move(&args, &intent, (stored, clock), &open, frame).await,
            None => foresee_start(dry_run, &args, &intent, &clock, &open, frame).await,
        };
    }
    let patience = args.wait.patience();
    let mut drive = match stored {
        Some(stored) => {
            let check = check_move(&intent.change, &open, &stored);
            interrupt.guard(check).await?;
            let aim = |record: &mut Record| aim(record, &intent);
            // A move asks for nothing that its start did not ask for.
            let unchecked = async |_: &Watching, _: &Record, _: &Clock| Ok(true);
            let read = (stored, clock);
            let drove = open.drive(ui, interrupt, read, patience, unchecked, aim);
            match drove.await? {
                Drove::Mine(drive) => *drive,
                Drove::Blocked => return Ok(answer::blocked("moved", ui)),
                Drove::Other(driver) => return Err(lease::other(&driver)),
            }
        }
        None => {
            let begun = begin::begin(&intent, &open, clock, patience, ui, interrupt).await?;
            match begun {
                Begun::Drives(drive) => *drive,
                Begun::Blocked => return Ok(answer::blocked("started", ui)),
            }
        }
    };
    let reached = match pace(&intent) {
        Pace::Once => rollout::once(&mut drive, &open.target).await?,
        Pace::ToTheEnd => rollout::run(&mut drive, &open.target, ui).await?,
    };
    answer::tell(&drive, &reached, &open.target, &args.output, ui)
}

/// How far this command goes by itself.
fn pace(intent: &Intent) -> Pace {
    match intent.course {
        Course::Detached(_) => Pace::Once,
        Course::Rest | Course::Driven(_) => Pace::ToTheEnd,
    }
}

/// Shows what a move would do.
async fn foresee_move(
    args: &StartArgs,
    intent: &Intent,
    read: (Stored, Clock),
    open: &Open,
    frame: &Frame,
) -> Result<Exit> {
    let check = check_move(&intent.change, open, &read.0);
    frame.interrupt.guard(check).await?;
    let how = (pace(intent), Driven::ByNobodyElse, &[][..]);
    let dry_run = args.dry.mode().unwrap_or_default();
    let aim = |record: &mut Record| aim(record, intent);
    answer::foresee(open, &read, how, aim, (dry_run, &args.output), frame).await
}

/// Shows what a start would do: the plan, and the steps of the run.
async fn foresee_start(
    dry_run: DryRun,
    args: &StartArgs,
    intent: &Intent,
    clock: &Clock,
    open: &Open,
    frame: &Frame,
) -> Result<Exit> {
    let look = async {
        let cluster = deployment::cluster(&open.session, &open.target).await?;
        let me = this_process::me(clock.now());
        let mut draft = plan::draft(intent, open, &cluster, (clock, &me)).await?;
        if intent.split.yes {
            draft.take_nearest();
        }
        let start = draft.start(intent, open).await?;
        let foreseen = foresee::along(open, start.way, pace(intent)).await?;
        if dry_run == DryRun::Server {
            foresee::check(open, None, &foreseen, &cluster).await?;
        }
        Ok((foreseen, draft.plan(intent, open, Look::Everything).await?))
    };
    let (foreseen, (plan, blocked)) = frame.interrupt.guard(look).await?;
    answer::steps(&foreseen, dry_run, &frame.ui);
    answer::plan(&plan, &args.output, &frame.ui)?;
    open.session.finish()?;
    Ok(answer::exit(&plan, blocked))
}

const EXAMPLE: &str =
    "for example:  kubectl rollout-canary web 10% --image web=registry.example/web:2";

fn aim(record: &mut Record, intent: &Intent) {
    let weight = intent.weights.first();
    record.rollout = intent.course.rollout().cloned();
    let goal = Goal::Hold { weight };
    if record.goal != goal {
        record.aim(goal);
    }
    record.router = intent.split.router.unwrap_or(record.router);
    record.asked = intent.asked.clone().or_else(|| record.asked.take());
}

/// Checks a move to another weight: the same canary, and one that is not on its way out.
async fn check_move(change: &Change, open: &Open, stored: &Stored) -> Result<()> {
    let record = &stored.record;
    let under_way = |what: &str| {
        Error::conflict(format!("the canary of {} is {what}", open.target.name))
            .with_hint(format!("finish that:  {}", open.target.words("resume", "")))
    };
    match &record.goal {
        Goal::Hold { .. } => {}
        Goal::Promote { .. } => return Err(under_way("being promoted")),
        Goal::Abort { .. } => return Err(under_way("being rolled back")),
    }
    if *change == Change::Pending {
        return Ok(());
    }
    let base = &record.original.template;
    let template = template::filled_in(&open.session, &open.target, change, base).await?;
    if template == record.canary {
        return Ok(());
    }
    Err(
        Error::conflict(format!("{} already has another canary", open.target.name))
            .with_hint(format!(
                "roll it back first:  {}",
                open.target.words("abort", "")
            ))
            .with_hint(format!(
                "or promote it:  {}",
                open.target.words("promote", "")
            )),
    )
}
