//! `status`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use groundcrew::app::Interrupt;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{json, yaml};
use groundcrew::ui::Ui;
use tokio::time::Instant;

use super::{Common, Open, open};
use crate::observe::{self, Watching};
use crate::record::{Stored, without_hash};
use crate::render;
use crate::view::{Phase, Status};

/// Show where a canary is
///
/// Without a canary the answer is Idle, and the exit code 0; 3 when it needs attention. With -w it
/// goes on until Ctrl-C. `--for promoted` ends with 3 when it was taken back instead.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Go on showing what changes
    #[arg(short = 'w', long)]
    watch: bool,

    /// Wait until the canary is there
    #[arg(long = "for", value_name = "STATE", value_enum)]
    wait_for: Option<Wanted>,

    /// Longest wait for --for
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    timeout: Option<Span>,

    #[command(flatten)]
    pub common: Common,
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
pub async fn run(args: StatusArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    if args.watch || args.wait_for.is_some() {
        return follow(&args, &open, ui, interrupt).await;
    }
    once(&open, &args.common.output, ui, interrupt).await
}

/// Shows how it stands now.
///
/// # Errors
///
/// What the server says.
pub async fn once(
    open: &Open,
    output: &OutputArgs,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let look = async {
        let (stored, clock) = open.store.read(&open.session).await?;
        let cluster = observe::cluster(&open.session, &open.target).await?;
        let record = stored.as_ref().map(|stored| &stored.record);
        Ok(Status::of(&open.target, record, &cluster, clock.now()))
    };
    let status = interrupt.guard(look).await?;
    show(&status, output, ui)?;
    open.session.finish()?;
    Ok(match status.phase {
        Phase::Conflict | Phase::Orphan => Exit::No,
        _ if status.verdict.dead.is_some() => Exit::No,
        _ => Exit::Done,
    })
}

/// Shows a status in the format that was asked for.
///
/// # Errors
///
/// When stdout is gone.
pub fn show(status: &Status, output: &OutputArgs, ui: &Ui) -> Result<()> {
    ui.answer(match output.format {
        Format::Table | Format::Wide => render::status(status, !output.no_headers),
        Format::Json => json(&status.document())?,
        Format::Yaml => yaml(&status.document())?,
        Format::Name => format!("deployment.apps/{}\n", status.deployment),
    })
}

/// Shows every change until Ctrl-C, or until what is waited for is there.
async fn follow(args: &StatusArgs, open: &Open, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let begun = Instant::now();
    let (mut stored, clock) = open.store.read(&open.session).await?;
    let deployment = observe::deployment(&open.session, &open.target).await?;
    let mut watching = Watching::open(&open.session, &open.target, deployment).await?;
    let mut shown = String::new();
    // Once the record is gone, only what it said tells a promotion from the way back.
    let mut tried = None;
    loop {
        if let Some(stored) = &stored {
            tried = Some(stored.record.canary.clone());
        }
        let status = status(open, stored.as_ref(), &watching, &clock);
        let document = json(&status.document())?;
        if args.watch && document != shown {
            show(&status, &args.common.output, ui)?;
            shown = document;
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
            if matches!(status.phase, Phase::Conflict | Phase::Orphan) {
                show(&status, &args.common.output, ui)?;
                return Ok(Exit::Conflict);
            }
        }
        if let Some(Span(timeout)) = args.timeout
            && begun.elapsed() >= timeout
        {
            return Err(Error::timed_out(format!(
                "not there after {}: {}",
                Span(timeout),
                render::sentence(&status)
            )));
        }
        tokio::select! {
            biased;
            () = interrupt.fired() => return Err(Error::interrupted()),
            change = watching.next() => { change?; }
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // The record is small, and a watch of it would be one more right to ask for.
        if let Ok((found, _)) = open.store.read(&open.session).await {
            stored = found;
        }
    }
}

fn status(open: &Open, stored: Option<&Stored>, watching: &Watching, clock: &Clock) -> Status {
    let record = stored.map(|stored| &stored.record);
    Status::of(&open.target, record, &watching.cluster, clock.now())
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
