//! Acting: the record first, then the Deployment.

use std::collections::BTreeSet;
use std::time::Duration;

use groundcrew::error::{Error, Result};
use groundcrew::finding::reason;
use tokio::time::Instant;

use crate::cluster::deployment;
use crate::cluster::watch::Change;
use crate::cluster::write::{self, Written};
use crate::drive::driver::{Drive, SETTLES};
use crate::model::conflict::Conflict;
use crate::model::effect::{self, After};
use crate::model::machine::next::Next;
use crate::model::object::text;
use crate::model::record::form::{Form, Purpose};
use crate::model::record::{Failure, Goal};
use crate::model::steps::Step;
use crate::model::{machine, patch, walk};
use groundcrew::plural::count;

/// How long the watch may take to tell of what stood in the way of a write.
const TELLS: Duration = Duration::from_secs(1);

impl Drive<'_> {
    /// Announces a form and brings the Deployment into it, once; a conflict leads back to looking.
    /// Returns what ends the run, if anything does.
    pub(super) async fn write(&mut self, form: Form) -> Result<Option<Conflict>> {
        if self.stored.record.announced(&form).is_none() {
            let mut record = self.stored.record.clone();
            let seen = self.watching.cluster.seen(&record, self.clock.now());
            walk::announce(&mut record, &seen, &form);
            self.put(record).await?;
            // Announcing took a moment: what it rests on is looked at again.
            if !self.still_wanted(&form) {
                return Ok(None);
            }
        }
        let Some(form) = self.stored.record.announced(&form) else {
            // It could not be announced, so it is not done.
            return Ok(None);
        };
        loop {
            self.check_patience()?;
            if !self.may_write() {
                return self.keep_lease().await.map(|()| None);
            }
            let (context, record) = (self.context, &self.stored.record);
            let operations = patch::patch(record, &form, &self.watching.cluster.deployment);
            match write::send(context.session, context.target, &operations, false).await {
                Ok(Written::Done(object)) => {
                    self.watching.put_deployment(&object)?;
                    if form.purpose == Purpose::Promote && self.canaries.is_none() {
                        self.canaries = Some(self.canaries_now());
                    }
                    match self.look_at_answer(&form) {
                        After::GoOn => {
                            self.done(&Step::Form(form));
                            return Ok(None);
                        }
                        After::Again => {}
                        After::Stop(conflict) => return Ok(Some(conflict)),
                        After::TurnBack(why) => {
                            return self.cannot(why, true).await.map(|()| None);
                        }
                    }
                }
                Ok(Written::LookAgain) => return self.look_again().await.map(|()| None),
                Ok(Written::Blind(why)) => {
                    self.say(&format!("cannot reach the cluster; holding: {why}"));
                    self.pause().await?;
                    return self.look_again().await.map(|()| None);
                }
                Err(error) if error.is_not_found() => return Err(error),
                Err(error) => return self.refused(error).await.map(|()| None),
            }
        }
    }

    /// Returns the canary pods that there are.
    pub(crate) fn canaries_now(&self) -> BTreeSet<String> {
        let cluster = &self.watching.cluster;
        let set = cluster.canary(&self.stored.record);
        let uid = set.map_or("", |set| text(&set["metadata"]["uid"]));
        cluster.pods_of(uid).map(|pod| pod.uid.clone()).collect()
    }

    /// Compares what the server stored with what was sent.
    fn look_at_answer(&mut self, form: &Form) -> After {
        let record = &self.stored.record;
        let changed = effect::changed(record, form, &self.watching.cluster.deployment);
        self.writes.after(record, form, changed)
    }

    /// A step of a canary that is being made cannot be taken: back, while it can be.
    async fn cannot(&mut self, why: String, force: bool) -> Result<()> {
        let ui = self.context.ui;
        ui.warning(&why);
        ui.status("rolling back");
        self.turn_back(why, Some(Failure::Untried), force).await
    }

    /// The server refuses a step: a canary that is being made goes back; a promotion or a rollback
    /// stays where it is, and says so.
    async fn refused(&mut self, error: Error) -> Result<()> {
        let (record, target) = (&self.stored.record, self.context.target);
        if let Goal::Hold { .. } = record.goal {
            let why = format!("a step was refused: {}", reason(&error));
            return self.cannot(why, false).await;
        }
        let seen = self.watching.cluster.seen(record, self.clock.now());
        let left = format!(
            "left as it is: {} and {}",
            count(seen.stable.size, "stable pod"),
            count(seen.canary.size, "canary pod")
        );
        Err(error
            .with_detail(left)
            .with_hint(format!(
                "once it is allowed:  {}",
                target.words("resume", "")
            ))
            .with_hint(format!(
                "roll back without this plugin:  {}",
                target.words("break-glass", "")
            )))
    }

    /// Says whether to wait before a write: after each of its steps the controller writes status
    /// once more, and a patch before that would only be refused.
    pub(super) fn is_unsettled(&mut self) -> bool {
        if self.watching.cluster.is_settled() {
            self.unsettled = None;
            return false;
        }
        self.unsettled.get_or_insert_with(Instant::now).elapsed() < SETTLES
    }

    fn still_wanted(&self, form: &Form) -> bool {
        let seen = self
            .watching
            .cluster
            .seen(&self.stored.record, self.clock.now());
        machine::next(&self.stored.record, &seen) == Next::Write(*form)
    }

    /// The watch is about to tell what the server knew already; when it does not, it is asked.
    async fn look_again(&mut self) -> Result<()> {
        let context = self.context;
        let known = self.watching.cluster.version().to_owned();
        let until = Instant::now() + TELLS;
        while self.watching.cluster.version() == known {
            let change = tokio::select! {
                biased;
                () = context.interrupt.fired() => return Err(Error::interrupted()),
                change = self.watching.next() => change?,
                () = tokio::time::sleep_until(until) => Change::Blind,
            };
            if change != Change::Something {
                break;
            }
        }
        if self.watching.cluster.version() != known {
            return Ok(());
        }
        match deployment::deployment(context.session, context.target).await {
            Ok(found) => {
                self.watching.cluster.deployment = found;
                Ok(())
            }
            Err(error) => {
                self.say(&format!("cannot reach the cluster; holding: {error}"));
                self.pause().await
            }
        }
    }

    async fn pause(&self) -> Result<()> {
        tokio::select! {
            () = self.context.interrupt.fired() => Err(Error::interrupted()),
            () = tokio::time::sleep(Duration::from_millis(500)) => Ok(()),
        }
    }
}
