//! The driver: sees, decides, acts, until a goal is reached or somebody else acts.

use std::collections::BTreeSet;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::ui::{Progress, Ui};
use tokio::time::Instant;

use crate::cluster::records::{Store, Stored};
use crate::cluster::watch::{Change, Watching};
use crate::drive::look::Looking;
use crate::drive::this_process::Heard;
use crate::drive::waits::Waits;
use crate::drive::watchdog::Watchdog;
use crate::model::conflict::Conflict;
use crate::model::effect::Writes;
use crate::model::machine;
use crate::model::machine::next::End;
use crate::model::obstacle;
use crate::model::record::Failure;
use crate::model::record::driver::Driver;
use crate::model::steps::Step;
use crate::model::target::Target;

/// What everything needs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The connection.
    pub session: &'a Session,
    /// Where text goes.
    pub ui: &'a Ui,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// The Deployment.
    pub target: &'a Target,
    /// Its record's place.
    pub store: &'a Store,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until the goal is reached; `None` is for ever.
    pub goal: Option<Duration>,
    /// Until a canary pod is Ready; `None` is the Deployment's own progress deadline.
    pub ready: Option<Duration>,
}

/// How a drive ended.
#[derive(Debug)]
pub enum Outcome {
    /// A goal was reached, and whether it was rolled back by itself.
    Reached(End, Option<(Failure, String)>),
    /// Somebody else changed what this run stands on.
    Stopped(Conflict),
}

/// Drives one record.
pub struct Drive<'a> {
    pub(super) context: Context<'a>,
    pub(crate) watching: Watching,
    pub(crate) stored: Stored,
    pub(crate) clock: Clock,
    pub(super) me: Driver,
    pub(super) patience: Patience,
    pub(super) heard: Heard,
    pub(super) watchdog: Watchdog,
    pub(super) looking: Looking,
    /// The goal for which routes are as they have to be.
    pub(super) routed: Option<u64>,
    /// Since when the controller is about to write status.
    pub(super) unsettled: Option<Instant>,
    pub(super) progress: Progress,
    pub(super) said: String,
    said_since: Instant,
    told_long: bool,
    /// The obstacle that was told last.
    pub(super) obstacle: Option<String>,
    /// What was written on the way to the present goal.
    pub(super) writes: Writes,
    /// The canary pods when their promotion began.
    pub(crate) canaries: Option<BTreeSet<String>>,
    /// Sizes that nobody changes although they are not as wanted, and since when.
    pub(super) stuck: Option<((i32, i32), Instant)>,
    /// How long what may pass by itself has been so.
    pub(super) waits: Waits,
    /// Hash collisions of the Deployment when this run began.
    pub(super) collisions: i64,
    pub(super) begun: Instant,
}

impl<'a> Drive<'a> {
    /// Starts to drive a record of which this process is the driver.
    #[must_use]
    pub fn new(
        context: Context<'a>,
        watching: Watching,
        stored: Stored,
        clock: Clock,
        me: Driver,
        patience: Patience,
    ) -> Self {
        let collisions = obstacle::collisions(&watching.cluster.deployment);
        Self {
            context,
            watching,
            stored,
            clock,
            me,
            patience,
            heard: Heard::now(),
            watchdog: Watchdog::default(),
            looking: Looking::default(),
            routed: None,
            unsettled: None,
            progress: context.ui.progress("looking"),
            said: String::new(),
            said_since: Instant::now(),
            told_long: false,
            obstacle: None,
            writes: Writes::default(),
            canaries: None,
            stuck: None,
            waits: Waits::default(),
            collisions,
            begun: Instant::now(),
        }
    }

    /// Waits for news, for a moment when something is due, or for the end of all patience.
    pub(crate) async fn wait(&mut self) -> Result<()> {
        let mut until = Instant::now() + Duration::from_secs(1);
        if self.unsettled.is_some() {
            until = Instant::now() + SETTLES;
        }
        self.check_patience()?;
        self.tell_long_waits();
        if let Some(patience) = self.patience.goal {
            until = until.min(self.begun + patience);
        }
        tokio::select! {
            biased;
            () = self.context.interrupt.fired() => Err(Error::interrupted()),
            change = self.watching.next() => match change? {
                Change::Something | Change::Blind => Ok(()),
                Change::Gone => Err(Error::conflict(format!(
                    "deployment {} was deleted", self.context.target.name
                ))),
            },
            () = self.looking.progress() => Ok(()),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }

    /// Ends a run that was told to end, or whose time is over: asked before every write and wait.
    pub(super) fn check_patience(&self) -> Result<()> {
        self.context.interrupt.check()?;
        match self.patience.goal {
            Some(patience) if self.begun.elapsed() >= patience => Err(self.timed_out(patience)),
            _ => Ok(()),
        }
    }

    /// Tells once what is waited for when that takes long: without a terminal nothing else does.
    fn tell_long_waits(&mut self) {
        if self.said_since.elapsed() >= LONG && !self.told_long && !self.said.is_empty() {
            self.told_long = true;
            self.context.ui.status(&self.said);
        }
    }

    fn timed_out(&self, patience: Duration) -> Error {
        Error::new(
            Kind::TimedOut,
            format!(
                "timed out after {}: {}",
                groundcrew::flags::duration::Span(patience),
                self.said
            ),
        )
        .with_hint(format!(
            "check it:  {}",
            self.context.target.words("status", "")
        ))
        .with_hint(format!(
            "roll back:  {}",
            self.context.target.words("abort", "")
        ))
    }

    /// Tells what is about to be done.
    pub(crate) fn tell(&self, text: &str) {
        self.context.ui.status(text);
    }

    /// Says whether the canary holds only while this process drives it.
    pub(crate) fn is_only_driven(&self) -> bool {
        let record = &self.stored.record;
        let seen = self.watching.cluster.seen(record, self.clock.now());
        machine::is_driven(record, &seen)
    }

    /// Tells a step that was done.
    pub(super) fn done(&self, step: &Step) {
        self.context.ui.done(step.what(), step.detail());
    }

    /// Says something once.
    pub(crate) fn say(&mut self, line: &str) {
        if self.said != line {
            line.clone_into(&mut self.said);
            self.said_since = Instant::now();
            self.told_long = false;
            self.progress.message(line);
        }
    }
}

/// After how long a wait is told in a line of its own.
const LONG: Duration = Duration::from_secs(15);

/// How long the controller may take to write status.
pub const SETTLES: Duration = Duration::from_millis(500);
