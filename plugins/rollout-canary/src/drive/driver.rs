//! The driver: sees, decides, acts, until a goal is reached or somebody else acts.

mod act;
mod lease;
mod look;
mod narrate;
mod share;
mod soak;
mod watchdog;

pub use lease::{Acquired, acquire, other};
pub use look::{Looking, Sides};
pub use share::no_route;
pub use soak::Soaked;

use std::sync::LazyLock;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::ui::{Progress, Ui};
use tokio::time::Instant;

use crate::health::{self, Dead};
use crate::machine::{self, Conflict, End, Next, Seen};
use crate::observe::{Change, Target, Watching};
use crate::record::{Driver, Failure, Goal, Store, Stored};
use watchdog::Watchdog;

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

/// How long the way back may take when this process was told to end.
const BACK_OUT: Duration = Duration::from_secs(60);
static NEVER: LazyLock<Interrupt> = LazyLock::new(Interrupt::never);

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
    context: Context<'a>,
    pub(crate) watching: Watching,
    pub(crate) stored: Stored,
    pub(crate) clock: Clock,
    me: Driver,
    patience: Patience,
    heard: lease::Heard,
    watchdog: Watchdog,
    looking: Looking,
    /// The goal for which routes are as they have to be.
    routed: Option<u64>,
    /// Since when the controller is about to write status.
    unsettled: Option<Instant>,
    progress: Progress,
    said: String,
    begun: Instant,
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
        Self {
            context,
            watching,
            stored,
            clock,
            me,
            patience,
            heard: lease::Heard::now(),
            watchdog: Watchdog::default(),
            looking: Looking::default(),
            routed: None,
            unsettled: None,
            progress: context.ui.progress("looking"),
            said: String::new(),
            begun: Instant::now(),
        }
    }

    /// Drives to the record's goal.
    ///
    /// # Errors
    ///
    /// What the server refuses; that another driver took over; a timeout; Ctrl-C.
    pub async fn run(&mut self) -> Result<Outcome> {
        self.begun = Instant::now();
        loop {
            self.keep_lease().await?;
            if self.take_request().await? {
                continue;
            }
            if self.find_dead().await? {
                continue;
            }
            let seen = self
                .watching
                .cluster
                .seen(&self.stored.record, self.clock.now());
            self.keep_promises(&seen);
            let next = machine::next(&self.stored.record, &seen);
            if !self.watching.blind && self.route(&next).await? {
                continue;
            }
            match next {
                Next::Write(_) if !self.watching.blind && self.is_unsettled() => {}
                Next::Write(form) if !self.watching.blind => {
                    self.write(form).await?;
                    continue;
                }
                Next::Write(_) => self.say("the cluster cannot be seen; holding"),
                Next::Wait(waiting) => {
                    let line = narrate::waiting(&seen, waiting);
                    self.say(&line);
                }
                Next::Done(end) => return Ok(self.reached(end)),
                Next::Stop(conflict) => return Ok(Outcome::Stopped(conflict)),
            }
            self.wait().await?;
        }
    }

    /// Warns of what was promised and is not so any more.
    pub(super) fn keep_promises(&mut self, seen: &Seen) {
        let cluster = &self.watching.cluster;
        let record = &self.stored.record;
        self.watchdog.look(cluster, record, seen, self.context.ui);
    }

    fn reached(&self, end: End) -> Outcome {
        let rolled_back = match &self.stored.record.goal {
            Goal::Abort {
                failed: Some(failed),
                reason,
                ..
            } => Some((*failed, reason.clone())),
            _ => None,
        };
        Outcome::Reached(end, rolled_back)
    }

    /// Waits for news, for a moment when something is due, or for the end of all patience.
    pub(crate) async fn wait(&mut self) -> Result<()> {
        let mut until = Instant::now() + Duration::from_secs(1);
        if self.unsettled.is_some() {
            until = Instant::now() + act::SETTLES;
        }
        if let Some(patience) = self.patience.goal {
            let end = self.begun + patience;
            if Instant::now() >= end {
                return Err(self.timed_out(patience));
            }
            until = until.min(end);
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

    fn timed_out(&self, patience: Duration) -> Error {
        Error::new(
            Kind::TimedOut,
            format!(
                "not there after {}: {}",
                groundcrew::flags::duration::Span(patience),
                self.said
            ),
        )
        .with_hint(format!(
            "look:  {}",
            self.context.target.words("status", "")
        ))
        .with_hint(format!(
            "go back:  {}",
            self.context.target.words("abort", "")
        ))
    }

    /// Looks for a dead canary while one is being made or promoted, and rolls it back.
    pub(super) async fn find_dead(&mut self) -> Result<bool> {
        let record = &self.stored.record;
        if matches!(record.goal, Goal::Abort { .. }) {
            return Ok(false);
        }
        let Some(set) = self.watching.cluster.canary(record) else {
            return Ok(false);
        };
        let uid = crate::observe::text(&set["metadata"]["uid"]);
        let own = record
            .original
            .deadline
            .and_then(|seconds| u64::try_from(seconds).ok());
        let patience = self
            .patience
            .ready
            .unwrap_or(Duration::from_secs(own.unwrap_or(600)));
        let pods = self.watching.cluster.pods_of(uid);
        let Some(dead) = health::diagnose(set, pods, self.clock.now(), patience) else {
            return Ok(false);
        };
        self.roll_back(dead).await?;
        Ok(true)
    }

    /// Rolls back because the canary is bad, telling why.
    pub(crate) async fn roll_back(&mut self, dead: Dead) -> Result<()> {
        let ui = self.context.ui;
        ui.warning(&dead);
        for line in health::tail(self.context.session, &self.context.target.namespace, &dead).await
        {
            ui.status(format_args!("  {line}"));
        }
        ui.status("rolling back");
        self.turn_back(dead.to_string(), Some(dead.failure)).await
    }

    /// Writes down that everything is to become stable again.
    async fn turn_back(&mut self, reason: String, failed: Option<Failure>) -> Result<()> {
        let mut record = self.stored.record.clone();
        record.aim(Goal::Abort {
            keep_spec: record.original.pending,
            force: false,
            reason,
            failed,
            by: self.me.user.clone(),
        });
        self.put(record).await
    }

    /// Tells what is about to be done.
    pub(crate) fn tell(&self, text: &str) {
        self.context.ui.status(text);
    }

    /// Rolls back what stays undecided and cannot be left held.
    pub(crate) async fn give_up(&mut self, why: &str) -> Result<()> {
        self.roll_back(Dead {
            failure: Failure::Untried,
            pod: None,
            container: None,
            reason: format!("undecided, and it cannot be left held: {why}"),
            message: String::new(),
        })
        .await
    }

    /// Says whether the canary holds only while this process drives it.
    pub(crate) fn is_only_driven(&self) -> bool {
        let record = &self.stored.record;
        let seen = self.watching.cluster.seen(record, self.clock.now());
        machine::is_driven(record, &seen)
    }

    /// Takes the canary back although this process was told to end, or failed.
    pub(crate) async fn back_out(&mut self, reason: &str) -> Result<()> {
        // A second Ctrl-C ends the process all the same.
        self.context.interrupt = &NEVER;
        self.patience.goal = Some(BACK_OUT);
        self.turn_back(reason.to_owned(), None).await?;
        match self.run().await? {
            Outcome::Reached(..) => self.forget().await,
            Outcome::Stopped(conflict) => {
                Err(crate::commands::told(&conflict, self.context.target))
            }
        }
    }

    /// Says something once.
    pub(crate) fn say(&mut self, line: &str) {
        if self.said != line {
            line.clone_into(&mut self.said);
            self.progress.message(line);
        }
    }
}
