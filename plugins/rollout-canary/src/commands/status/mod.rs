//! `status`.

mod tree;

use std::time::Duration;

use clap::{Args, ValueEnum};
use groundcrew::app::{Frame, Interrupt};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::json;
use groundcrew::ui::Ui;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::cluster::deployment;
use crate::cluster::records::Stored;
use crate::cluster::signals::sources::Sources;
use crate::cluster::watch::Watching;
use crate::commands::answer::{self, show};
use crate::commands::flags::{Common, JudgeArgs, open};
use crate::commands::status::tree::tree;
use crate::drive::look::{Looking, Sides};
use crate::drive::session::Open;
use crate::drive::this_process;
use crate::model::object::without_hash;
use crate::model::record::Record;
use crate::model::record::driver::Driving;
use crate::model::snapshot::Snapshot;
use crate::model::state::Phase;
use crate::model::status::{Status, warm_at};
use crate::model::verdict::asked::Asked;
use crate::model::verdict::judge::{Decision, Judge};

/// Show the state of a canary
///
/// Exits with 0 when there is no canary (Idle), and with 3 when it needs attention. `--for promoted`
/// exits with 3 when the canary was rolled back instead.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Keep showing changes
    #[arg(short = 'w', long)]
    watch: bool,

    /// State to wait for
    #[arg(long = "for", value_name = "STATE", value_enum)]
    wait_for: Option<Wanted>,

    /// Longest wait for --for
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    timeout: Option<Span>,

    #[command(flatten)]
    judge: JudgeArgs,

    #[command(flatten)]
    common: Common,
}

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// The split is reached
    Holding,
    /// There is no canary any more, and its template is everywhere
    Promoted,
    /// There is no canary any more, and everything is as it was
    Aborted,
    /// There is no canary
    Idle,
}

/// Shows it.
///
/// # Errors
///
/// What the server says; a timeout.
pub async fn run(args: StatusArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.common.open(frame).await?;
    if args.watch || args.wait_for.is_some() {
        return follow(&args, &open, ui, interrupt).await;
    }
    once(&open, &args.common.output, ui, interrupt).await
}

/// Shows how it stands now with the Deployment of this name.
///
/// # Errors
///
/// What the server says.
pub async fn now(name: &str, output: &OutputArgs, frame: &Frame) -> Result<Exit> {
    let open = open(frame, name).await?;
    once(&open, output, &frame.ui, &frame.interrupt).await
}

async fn once(open: &Open, output: &OutputArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let look = async {
        let (mut stored, mut clock, mut cluster) =
            deployment::with_record(&open.session, &open.target, &open.store).await?;
        let record = stored.as_ref().map(|stored| &stored.record);
        let mut status = of(open, record, &cluster, clock.now());
        if is_trouble(&status) {
            // A canary that ends between two reads looks like that too.
            (stored, clock, cluster) =
                deployment::with_record(&open.session, &open.target, &open.store).await?;
            let record = stored.as_ref().map(|stored| &stored.record);
            status = of(open, record, &cluster, clock.now());
        }
        let record = stored.as_ref().map(|stored| &stored.record);
        if let Some(record) = record
            && let Some(judge) = &record.judge
            && is_at_rest(&status, record, clock.now())
        {
            catch_up(open, record, judge, (&cluster, clock.now()), &mut status).await?;
        }
        Ok(status)
    };
    let status = interrupt.guard(look).await?;
    show(&status, output, ui)?;
    open.session.finish()?;
    Ok(match status.phase {
        Phase::Conflict | Phase::Orphan => Exit::No,
        _ if status.abandoned || status.verdict.is_bad() => Exit::No,
        _ => Exit::Done,
    })
}

/// Says whether somebody else seems to have changed something.
fn is_trouble(status: &Status) -> bool {
    matches!(status.phase, Phase::Conflict | Phase::Orphan)
}

/// Returns of which record and which Deployment a status is.
fn versions(stored: Option<&Stored>, cluster: &Snapshot) -> (Option<String>, String) {
    let record = stored.and_then(|stored| stored.map.metadata.resource_version.clone());
    (record, cluster.version().to_owned())
}

/// Says whether a canary holds and nobody is at work who would judge it.
fn is_at_rest(status: &Status, record: &Record, now: Timestamp) -> bool {
    let alone = this_process::driving(Some(record), now) != Driving::Other;
    status.phase == Phase::Holding && alone
}

/// Takes one reading more into what the last driver knew.
async fn catch_up(
    open: &Open,
    record: &Record,
    judge: &Judge,
    (cluster, now): (&Snapshot, Timestamp),
    status: &mut Status,
) -> Result<()> {
    let asked = record.asked.clone().unwrap_or_default();
    let (mut sources, mut judge) = Sources::begin(&asked, Some(judge))?;
    let sides = Sides::of(record, cluster);
    let reading = sources.observe(&open.session, &sides.arms(), now).await;
    judge.observe(&reading);
    status.verdict.take(judge.verdict(), &reading.notes);
    Ok(())
}

/// Judges a canary that nobody drives, for as long as somebody looks.
struct Onlooker {
    asked: Option<Asked>,
    at_work: Option<(Looking, Judge)>,
}

impl Onlooker {
    fn look(
        &mut self,
        open: &Open,
        record: Option<&Record>,
        watching: &Watching,
        now: Timestamp,
        status: &mut Status,
    ) -> Result<()> {
        let Some(record) = record.filter(|record| is_at_rest(status, record, now)) else {
            self.at_work = None;
            return Ok(());
        };
        if self.at_work.is_none() {
            let asked = self.asked.clone().or_else(|| record.asked.clone());
            let (sources, judge) =
                Sources::begin(&asked.unwrap_or_default(), record.judge.as_ref())?;
            self.at_work = Some((Looking::new(sources), judge));
        }
        let Some((looking, judge)) = &mut self.at_work else {
            return Ok(());
        };
        let seen = (record, &watching.cluster);
        if let Some(reading) = looking.next(&open.session, seen, now, EVERY) {
            judge.observe(&reading);
        }
        status.verdict.take(judge.verdict(), looking.notes());
        status.warm_at = warm_at(record, &watching.cluster, judge);
        Ok(())
    }
}

impl Onlooker {
    async fn progress(&mut self) {
        match &mut self.at_work {
            Some((looking, _)) => looking.progress().await,
            None => futures::future::pending().await,
        }
    }
}

/// How often an onlooker reads.
const EVERY: Duration = Duration::from_secs(5);

/// How often counts are shown while nothing else changes.
const AGAIN: Duration = Duration::from_secs(30);

/// Shows every change until Ctrl-C, or until what is waited for is there.
async fn follow(args: &StatusArgs, open: &Open, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let begun = Instant::now();
    let mut watching = Watching::open(&open.session, &open.target).await?;
    let (mut stored, clock) = open.store.read(&open.session).await?;
    // The watch may lag behind the record: trouble is believed when it is seen twice in the same.
    let mut suspected = None;
    let mut shown: Option<(String, Instant)> = None;
    let mut onlooker = Onlooker {
        asked: (!args.judge.is_empty())
            .then(|| args.judge.asked(SMOKE))
            .transpose()?,
        at_work: None,
    };
    let redraws = args.watch
        && ui.width().is_some()
        && matches!(args.common.output.format, Format::Table | Format::Wide);
    let mut lines = 0;
    // Once the record is gone, only what it said tells a promotion from the way back.
    let mut tried = None;
    loop {
        if let Some(stored) = &stored {
            tried = Some(stored.record.canary.clone());
        }
        let record = stored.as_ref().map(|stored| &stored.record);
        let mut status = of(open, record, &watching.cluster, clock.now());
        onlooker.look(open, record, &watching, clock.now(), &mut status)?;
        let trouble = is_trouble(&status);
        let seen = Some(versions(stored.as_ref(), &watching.cluster)).filter(|_| trouble);
        let believed = !trouble || seen == suspected;
        suspected = seen;
        let gist = gist(&status)?;
        let news = believed
            && shown
                .as_ref()
                .is_none_or(|(known, at)| *known != gist || at.elapsed() >= AGAIN);
        if redraws && believed {
            let (width, sentence) = (ui.width().unwrap_or(80), answer::sentence(&status));
            let text = tree(&status, clock.now(), &sentence, width);
            ui.answer_over(lines, &text)?;
            lines = text.lines().count();
        } else if args.watch && news {
            show(&status, &args.common.output, ui)?;
            shown = Some((gist, Instant::now()));
        }
        if let Some(wanted) = args.wait_for {
            let template = without_hash(&watching.cluster.deployment["spec"]["template"]);
            let promoted = tried.as_ref().map(|tried| *tried == template);
            if let Some(exit) = answer(wanted, &status, promoted) {
                if !args.watch {
                    show(&status, &args.common.output, ui)?;
                }
                return Ok(exit);
            }
            if trouble && believed {
                show(&status, &args.common.output, ui)?;
                return Ok(Exit::Conflict);
            }
        }
        if let Some(Span(timeout)) = args.timeout
            && begun.elapsed() >= timeout
        {
            return Err(Error::timed_out(format!(
                "timed out after {}: {}",
                Span(timeout),
                answer::sentence(&status)
            )));
        }
        tokio::select! {
            biased;
            () = interrupt.fired() => return Err(Error::interrupted()),
            change = watching.next() => { change?; }
            () = onlooker.progress() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // The record is small, and a watch of it would be one more right to ask for.
        if let Ok((found, _)) = open.store.read(&open.session).await {
            stored = found;
        }
    }
}

/// How long a look takes that would find what is wrong, where nobody said.
const SMOKE: Duration = Duration::from_secs(300);

/// Returns a status without the counts, which change all the time.
fn gist(status: &Status) -> Result<String> {
    let mut status = status.clone();
    let verdict = &mut status.verdict;
    let decision = verdict.judged.take().map(|judged| judged.decision);
    verdict.why = decision.map(|decision| match decision {
        Decision::Bad { .. } => "bad".to_owned(),
        Decision::Good => "good".to_owned(),
        Decision::Undecided { .. } => "undecided".to_owned(),
    });
    verdict.achieved_percent = None;
    json(&status.document())
}

fn of(open: &Open, record: Option<&Record>, cluster: &Snapshot, now: Timestamp) -> Status {
    let driving = this_process::driving(record, now);
    Status::of(&open.target, record, cluster, now, driving)
}

/// Says how the waiting ends, if it does; `promoted` is unknown when there was no canary to begin
/// with.
fn answer(wanted: Wanted, status: &Status, promoted: Option<bool>) -> Option<Exit> {
    let idle = status.phase == Phase::Idle;
    let no_unless = |yes: bool| if yes { Exit::Done } else { Exit::No };
    match wanted {
        Wanted::Holding if status.phase == Phase::Holding => Some(Exit::Done),
        Wanted::Holding => None,
        Wanted::Idle => idle.then_some(Exit::Done),
        Wanted::Promoted => idle.then(|| no_unless(promoted != Some(false))),
        Wanted::Aborted => idle.then(|| no_unless(promoted != Some(true))),
    }
}
