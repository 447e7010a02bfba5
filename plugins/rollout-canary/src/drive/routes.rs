//! Giving the canary its share of a route's requests, and taking it back in time.

use std::time::Duration;

use groundcrew::error::{Error, Kind, Result};
use groundcrew::finding::reason;

use crate::cluster::routes::detect;
use crate::cluster::routes::write::{self, Patience};
use crate::drive::driver::Drive;
use crate::model::machine::next::{End, Next};
use crate::model::object;
use crate::model::object::hash;
use crate::model::record::Goal;
use crate::model::steps::Step;
use crate::model::traffic::route::Change;
use crate::model::traffic::service::Canary;
use crate::model::traffic::{Router, Shared, share};
use crate::model::weight::Weight;

/// Short, so that the lease can be kept in between.
const PATIENCE: Patience = Patience {
    ready: Duration::from_secs(8),
    observed: Duration::from_secs(8),
};

/// How often that is tried again.
const TRIES: usize = 8;

/// A gateway says that it knows a route before all of it acts accordingly; and requests are under
/// way.
const DRAIN: Duration = Duration::from_secs(4);

impl Drive<'_> {
    /// Brings the routes to where the next step wants them; says whether something was done.
    ///
    /// A share is given when the split is at rest, and taken back before anything else is done to
    /// the pods: an extra backend never has fewer of them than when it was given.
    pub(super) async fn route(&mut self, next: &Next) -> Result<bool> {
        let record = &self.stored.record;
        let holds = matches!(record.goal, Goal::Hold { .. });
        let is_shared = record.shared.is_some();
        match next {
            Next::Done(End::Parked | End::Held) => {}
            Next::Wait(_) if holds => return Ok(false),
            _ if is_shared => return self.take_share_back().await.map(|()| true),
            _ => return Ok(false),
        }
        let is_current = |shared: &Shared| shared.seq == record.seq && !shared.changes.is_empty();
        let done = self.routed == Some(record.seq);
        if record.router == Router::Replicas {
            if is_shared {
                self.take_share_back().await?;
            }
            return Ok(is_shared);
        }
        // A predecessor may have ended between the note and the effect.
        if done && record.shared.as_ref().is_none_or(is_current) {
            return Ok(false);
        }
        self.give_share().await?;
        self.routed = Some(self.stored.record.seq);
        Ok(true)
    }

    fn canary(&self) -> Canary {
        let record = &self.stored.record;
        let set = self.watching.cluster.canary(record).map(hash);
        let known = record.shared.as_ref().map(|shared| shared.hash.as_str());
        let hash = set.or(known).unwrap_or_default();
        Canary::of(self.context.target, &record.uid, record.templates(), hash)
    }

    async fn give_share(&mut self) -> Result<()> {
        let Goal::Hold { weight: asked } = self.stored.record.goal else {
            return Ok(());
        };
        let (context, canary) = (self.context, self.canary());
        let (session, interrupt) = (context.session, context.interrupt);
        let found = interrupt.guard(detect::detect(session, &canary)).await?;
        let Some(target) = found.target else {
            let why = found.why.unwrap_or_default();
            if self.stored.record.shared.is_some() {
                self.take_share_back().await?;
            }
            if self.stored.record.router == Router::Gateway {
                return Err(no_route(&why));
            }
            self.done(&Step::NoRoute(why));
            return Ok(());
        };
        let ready = interrupt
            .guard(write::endpoints(session, &canary, &target.service))
            .await?;
        let pods = self.canary_pods();
        let ours = ready.iter().filter(|name| pods.contains(name)).count();
        let natural = ours as f64 / ready.len().max(1) as f64;
        let extra = share::extra(asked, natural).filter(|_| ours > 0);
        let Some(extra) = extra else {
            if self.stored.record.shared.is_some() {
                self.take_share_back().await?;
            }
            self.done(&Step::Enough {
                by_pods: Weight::nearest(natural),
                asked,
            });
            return Ok(());
        };
        let earlier = self.stored.record.shared.clone();
        let shared = Shared {
            seq: self.stored.record.seq,
            hash: canary.hash.clone(),
            natural,
            extra,
            changes: earlier.map_or_else(Vec::new, |shared| shared.changes),
            target,
        };
        // What is half done is taken back: nobody may be there to finish it.
        if let Err(error) = self.enter(&canary, shared).await {
            if error.kind() != Kind::Interrupted && error.kind() != Kind::Conflict {
                self.take_share_back().await?;
                return self.without_a_share(error);
            }
            return Err(error);
        }
        Ok(())
    }

    /// A route cannot give a share: the pods have it by their number where that is good enough, and
    /// else it is said what is left.
    fn without_a_share(&self, error: Error) -> Result<()> {
        if self.stored.record.router != Router::Gateway {
            self.done(&Step::NoRoute(reason(&error)));
            return Ok(());
        }
        let target = self.context.target;
        Err(error
            .with_detail("the routes are as before; the canary holds by the number of its pods")
            .with_hint(format!("try again:  {}", target.words("resume", "")))
            .with_hint(format!("roll back:  {}", target.words("abort", ""))))
    }

    async fn enter(&mut self, canary: &Canary, shared: Shared) -> Result<()> {
        let (session, interrupt) = (self.context.session, self.context.interrupt);
        self.note(shared.clone()).await?;
        let mut tries = 0;
        loop {
            let made = write::prepare(session, canary, &shared.target, PATIENCE);
            match interrupt.guard(made).await {
                Err(error) if is_slow(&error, &mut tries) => self.keep_lease().await?,
                made => break made?,
            }
        }
        for route in &shared.target.routes {
            let known = shared.known(route);
            let planned = interrupt
                .guard(write::foresee(
                    session,
                    &shared.target,
                    route,
                    shared.extra,
                    &known,
                ))
                .await?;
            self.note_change(planned.clone()).await?;
            let mut tries = 0;
            let done = loop {
                if !self.may_write() {
                    self.keep_lease().await?;
                }
                let entered = write::enter(session, canary, &shared.target, &planned, PATIENCE);
                match interrupt.guard(entered).await {
                    Err(error) if is_slow(&error, &mut tries) => self.keep_lease().await?,
                    entered => break entered?,
                }
            };
            self.note_change(done).await?;
            self.done(&Step::given(&shared, route));
        }
        Ok(())
    }

    /// Takes every share back, waits until no request is under way there, and removes the extra
    /// Service.
    pub(super) async fn take_share_back(&mut self) -> Result<()> {
        let Some(shared) = self.stored.record.shared.clone() else {
            return Ok(());
        };
        let (context, canary) = (self.context, self.canary());
        let session = context.session;
        for change in &shared.changes {
            let name = change.route.to_string();
            let mut tries = 0;
            let left = loop {
                let left = write::leave(session, &canary, change, PATIENCE);
                match context.interrupt.guard(left).await {
                    Ok(left) => break Some(left),
                    Err(error) if is_slow(&error, &mut tries) => self.keep_lease().await?,
                    // It is written as it was; that no gateway says so must not keep it all up.
                    Err(error) if error.kind() == Kind::TimedOut => {
                        context.ui.warning(error);
                        break None;
                    }
                    Err(error) => return Err(error),
                }
            };
            for foreign in left.iter().flat_map(|left| &left.foreign) {
                let words = "was changed by someone else and is left as it is";
                context
                    .ui
                    .warning(format_args!("{name}: {foreign} {words}"));
            }
            self.done(&if left.is_some_and(|left| left.gone) {
                Step::Gone(change.route.clone())
            } else {
                Step::Restored(change.route.clone())
            });
        }
        if !shared.changes.is_empty() {
            self.say("waiting for requests to the canary to finish");
            context
                .interrupt
                .guard(async {
                    tokio::time::sleep(DRAIN).await;
                    Ok(())
                })
                .await?;
        }
        context
            .interrupt
            .guard(write::clean_up(session, &canary))
            .await?;
        let mut record = self.stored.record.clone();
        record.shared = None;
        self.put(record).await
    }

    /// Takes the share back when no pod is left to answer.
    pub(super) async fn leave_if_unready(&mut self) -> Result<()> {
        if self.stored.record.shared.is_none() || !self.canary_pods().is_empty() {
            return Ok(());
        }
        self.context
            .ui
            .warning("no canary pod is Ready; its requests go to the stable pods");
        self.take_share_back().await
    }

    fn canary_pods(&self) -> Vec<&String> {
        let (record, cluster) = (&self.stored.record, &self.watching.cluster);
        let set = cluster.canary(record);
        let uid = set.map_or("", |set| object::text(&set["metadata"]["uid"]));
        let pods = cluster.pods_of(uid).filter(|pod| pod.ready);
        pods.map(|pod| &pod.name).collect()
    }

    /// Writes down what is about to be done, or was.
    async fn note(&mut self, shared: Shared) -> Result<()> {
        let mut record = self.stored.record.clone();
        record.shared = Some(shared);
        self.put(record.clone()).await?;
        if self.stored.record.shared == record.shared {
            return Ok(());
        }
        // Asleep for longer than the lease: what is not noted is not done.
        Err(Error::failed("the record could not be written in time"))
    }

    async fn note_change(&mut self, change: Change) -> Result<()> {
        let Some(mut shared) = self.stored.record.shared.clone() else {
            return Ok(());
        };
        shared.changes.retain(|known| known.route != change.route);
        shared.changes.push(change);
        self.note(shared).await
    }
}

fn is_slow(error: &Error, tries: &mut usize) -> bool {
    *tries += 1;
    error.kind() == Kind::TimedOut && *tries < TRIES
}

/// Returns the error for a canary that is to have a route's share where there is no such route.
#[must_use]
pub fn no_route(why: &str) -> Error {
    Error::usage(format!("--traffic gateway is not possible: {why}"))
        .with_hint("split by the number of pods:  --traffic replicas")
}
