//! The loop to one goal, and the ways back out of it.

use std::sync::LazyLock;
use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Kind, Result};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::logs;
use crate::drive::driver::{Drive, Outcome};
use crate::drive::narrate;
use crate::model::conflict::Conflict;
use crate::model::dead::{self, Dead, Habits};
use crate::model::machine::next::{End, Next, Waiting};
use crate::model::machine::seen::{Arm, Seen};
use crate::model::record::form::Template;
use crate::model::record::{Failure, Goal};
use crate::model::{conflict, machine, object, obstacle};
use groundcrew::plural::count;

/// How long the way back may take when this process was told to end.
const BACK_OUT: Duration = Duration::from_secs(60);

/// How long nothing moves before it is believed that nothing will: a controller that is slow asks the
/// server at least this often.
const STILL: Duration = Duration::from_secs(45);

/// One ReplicaSet of the name may be somebody's; more are made for nothing.
const COLLISIONS: i64 = 3;

static NEVER: LazyLock<Interrupt> = LazyLock::new(Interrupt::never);

impl Drive<'_> {
    /// Drives to the record's goal.
    ///
    /// # Errors
    ///
    /// What the server refuses; that another driver took over; a timeout; Ctrl-C.
    pub async fn run(&mut self) -> Result<Outcome> {
        self.begun = Instant::now();
        self.writes.reached();
        loop {
            self.check_patience()?;
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
                    if let Some(conflict) = self.write(form).await? {
                        return Ok(Outcome::Stopped(conflict));
                    }
                    continue;
                }
                Next::Write(_) => self.say("cannot reach the cluster; holding"),
                Next::Wait(_) if self.is_remade_for_ever() => {
                    return Ok(Outcome::Stopped(Conflict::ReplicaSets));
                }
                Next::Wait(waiting) => {
                    if let Some(conflict) = self.nothing_moves(&seen, waiting) {
                        return Ok(Outcome::Stopped(conflict));
                    }
                    let line = narrate::waiting(&seen, waiting);
                    self.say(&line);
                    self.tell_obstacle();
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

    /// Tells what stands in the way of the controllers, once per obstacle; a timeout names it too.
    fn tell_obstacle(&mut self) {
        let found = obstacle::obstacle(&self.watching.cluster, &self.stored.record);
        if let Some(found) = &found {
            let line = format!("{}; {found}", self.said);
            if self.obstacle.as_ref() != Some(found) {
                self.context.ui.warning(found);
            }
            self.say(&line);
        }
        self.obstacle = found;
    }

    /// Says that the controller has nothing to do any more although the sets are not as wanted:
    /// somebody scaled them by hand.
    fn nothing_moves(&mut self, seen: &Seen, waiting: Waiting) -> Option<Conflict> {
        let cluster = &self.watching.cluster;
        let sizes = (seen.stable.size, seen.canary.size);
        let whole = |arm: &Arm| arm.ready == arm.size;
        let is_still = waiting == Waiting::Sizes
            && !self.watching.blind
            && cluster.is_caught_up()
            && whole(&seen.stable)
            && whole(&seen.canary)
            && obstacle::obstacle(cluster, &self.stored.record).is_none();
        if !is_still {
            self.stuck = None;
            return None;
        }
        match self.stuck {
            Some((known, since)) if known == sizes => {
                (since.elapsed() >= STILL).then_some(Conflict::Sizes(sizes.0, sizes.1))
            }
            _ => {
                self.stuck = Some((sizes, Instant::now()));
                None
            }
        }
    }

    /// Says whether on the way back the controller makes one ReplicaSet after the other, none of which
    /// is the stable one.
    fn is_remade_for_ever(&self) -> bool {
        let more = obstacle::collisions(&self.watching.cluster.deployment) - self.collisions;
        matches!(self.stored.record.goal, Goal::Abort { .. }) && more >= 4 * COLLISIONS
    }

    /// Looks for a canary of which the controller cannot even make the ReplicaSet.
    fn no_set(&self) -> Option<Dead> {
        let (cluster, record) = (&self.watching.cluster, &self.stored.record);
        let deployment = &cluster.deployment;
        let seen = cluster.seen(record, self.clock.now());
        // Nobody changed the template since, so what has pods beside the stable set was made for it.
        let is_changed = seen
            .third
            .filter(|_| seen.shape.template == Some(Template::Canary));
        let more = obstacle::collisions(deployment) - self.collisions;
        if is_changed.is_some() || more >= COLLISIONS {
            return Some(Dead::untried(
                "ReplicaSets are changed",
                "something in this cluster changes the ReplicaSets that the controller creates, so \
                 that none of them has the canary's template",
            ));
        }
        let why = obstacle::no_replica_set(deployment)?;
        Some(Dead::untried("ReplicaSetCreateError", why))
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

    /// Looks for a dead canary while one is being made or promoted, and rolls it back.
    pub(super) async fn find_dead(&mut self) -> Result<bool> {
        let record = &self.stored.record;
        if matches!(record.goal, Goal::Abort { .. }) {
            return Ok(false);
        }
        let Some(set) = self.watching.cluster.canary(record) else {
            let Some(dead) = self.no_set() else {
                return Ok(false);
            };
            self.tell_dead(&dead).await;
            // The ReplicaSets that were made for nothing are no stranger's.
            self.turn_back(dead.to_string(), Some(dead.failure), true)
                .await?;
            return Ok(true);
        };
        let cluster = &self.watching.cluster;
        let uid = |set: &Value| object::text(&set["metadata"]["uid"]).to_owned();
        let stable = cluster.stable(record).map(uid).unwrap_or_default();
        let habits = Habits::of(cluster.pods_of(&stable));
        let usual = habits.patience(record.original.deadline);
        let patience = self.patience.ready.unwrap_or(usual);
        let canary = uid(set);
        let pods = cluster.pods_of(&canary);
        let waits = &mut self.waits;
        waits.begin();
        let mut waited = |what: String, _: Option<Timestamp>| waits.waited(what);
        let dead = dead::diagnose(set, pods, &habits, patience, &mut waited);
        waits.end();
        let Some(dead) = dead else {
            return Ok(false);
        };
        let promotes = matches!(record.goal, Goal::Promote { .. });
        if promotes && dead.failure == Failure::Untried {
            return Err(self.stopped_promotion(&dead));
        }
        self.roll_back(dead).await?;
        Ok(true)
    }

    /// Nothing speaks against the version: a promotion that has no room stays where it is.
    fn stopped_promotion(&self, dead: &Dead) -> Error {
        let (record, target) = (&self.stored.record, self.context.target);
        let seen = self.watching.cluster.seen(record, self.clock.now());
        Error::new(
            Kind::Incomplete,
            format!(
                "the promotion has stopped at {} of {}: {dead}",
                seen.canary.ready,
                count(seen.replicas, "pod")
            ),
        )
        .with_detail("nothing was rolled back: this is not about the version")
        .with_hint(format!("go on:  {}", target.words("resume", "")))
        .with_hint(format!("roll back:  {}", target.words("abort", "")))
    }

    /// Rolls back because the canary is bad, telling why.
    pub(crate) async fn roll_back(&mut self, dead: Dead) -> Result<()> {
        self.tell_dead(&dead).await;
        self.turn_back(dead.to_string(), Some(dead.failure), false)
            .await
    }

    async fn tell_dead(&self, dead: &Dead) {
        let ui = self.context.ui;
        ui.warning(dead);
        for line in logs::tail(self.context.session, &self.context.target.namespace, dead).await {
            ui.status(format_args!("  {line}"));
        }
        ui.status("rolling back");
    }

    /// Writes down that everything is to become stable again.
    /// `force` when what is there is this run's own, although it is not as it was sent.
    pub(super) async fn turn_back(
        &mut self,
        reason: String,
        failed: Option<Failure>,
        force: bool,
    ) -> Result<()> {
        let mut record = self.stored.record.clone();
        record.aim(Goal::Abort {
            keep_spec: record.original.pending,
            force,
            reason,
            failed,
            by: self.me.user.clone(),
        });
        self.put(record).await
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

    /// Takes the canary back although this process was told to end, or failed.
    pub(crate) async fn back_out(&mut self, reason: &str) -> Result<()> {
        // A second Ctrl-C ends the process all the same.
        self.context.interrupt = &NEVER;
        self.patience.goal = Some(BACK_OUT);
        self.turn_back(reason.to_owned(), None, false).await?;
        match self.run().await? {
            Outcome::Reached(..) => {
                self.give_fields_back().await;
                self.forget().await
            }
            Outcome::Stopped(conflict) => Err(conflict::told(&conflict, self.context.target)),
        }
    }
}
