//! Watching a weight for as long as was asked, and going from weight to weight.

use std::collections::BTreeMap;
use std::time::Duration;

use groundcrew::error::{Kind, Result};
use k8s_openapi::api::core::v1::Service;
use tokio::time::Instant;

use crate::cluster::signals::sources::Sources;
use crate::drive::driver::Drive;
use crate::drive::look::{Looking, Sides};
use crate::model::conflict::Conflict;
use crate::model::dead::Dead;
use crate::model::findings::without_traffic;
use crate::model::machine;
use crate::model::machine::next::Next;
use crate::model::pod::Pod;
use crate::model::record::{Failure, Goal};
use crate::model::verdict::judge::Verdict;
use crate::model::verdict::judgment::{self, Judgment};

impl Drive<'_> {
    /// Begins to judge at a weight; `fresh` when nothing of it was watched before.
    pub(super) fn begin_to_judge(&mut self, soak: Duration, fresh: bool) -> Result<()> {
        let record = &mut self.stored.record;
        let asked = record.asked.clone().unwrap_or_default();
        let (sources, mut judge) = Sources::begin(&asked, record.judge.as_ref())?;
        if fresh || judge.settings().soak != soak {
            judge.begin(soak);
        }
        record.judge = Some(judge);
        self.looking = Looking::new(sources);
        Ok(())
    }

    /// Takes in what was read, begins to read again when something is to be seen, and returns the
    /// verdict so far.
    pub(super) fn look(&mut self, every: Duration) -> Verdict {
        let seen = (&self.stored.record, &self.watching.cluster);
        let reading = if self.watching.blind {
            None
        } else {
            let (session, now) = (self.context.session, self.clock.now());
            self.looking.next(session, seen, now, every)
        };
        let Some(judge) = &mut self.stored.record.judge else {
            return Verdict::default();
        };
        if let Some(reading) = reading {
            judge.observe(&reading);
        }
        judge.verdict()
    }
}

/// How long an undecided canary is watched beyond its time: as long once more, and a little for
/// readings that take their time.
const GRACE: Duration = Duration::from_secs(5);

/// What came of watching.
#[derive(Debug)]
pub enum Soaked {
    /// Nothing speaks against it.
    Good,
    /// There is something to do: the goal changed by a request, it is rolled back, or others changed
    /// the replicas of what is held.
    Moved,
    /// It stays undecided.
    Undecided(String),
    /// Somebody else changed what the run stands on.
    Stopped(Conflict),
}

impl Drive<'_> {
    /// Watches the weight that was reached. The clock stands still while nothing can be seen. One
    /// that `stays` is watched until it is bad or something is asked for.
    ///
    /// # Errors
    ///
    /// As [`Drive::run`].
    pub async fn soak(&mut self, soak: Duration, stays: bool) -> Result<Soaked> {
        let before = self.stored.record.rollout.as_ref();
        let mut watched = Duration::from_secs(before.map_or(0, |rollout| rollout.soaked));
        let compares = matches!(self.stored.record.goal, Goal::Hold { .. });
        if compares {
            self.begin_to_judge(soak, watched.is_zero())?;
        }
        let restarts: BTreeMap<String, i32> = self
            .watching
            .cluster
            .pods
            .values()
            .map(|pod| (pod.uid.clone(), pod.restarts))
            .collect();
        let mut last = Instant::now();
        let mut unserved = None;
        // Watching is not part of reaching a goal, which is what patience is for.
        let patience = self.patience.goal.take();
        let result = loop {
            self.note_soaked(watched).await?;
            if self.take_request().await? || self.find_dead().await? {
                break Ok(Soaked::Moved);
            }
            let record = &self.stored.record;
            let seen = self.watching.cluster.seen(record, self.clock.now());
            self.keep_promises(&seen);
            match machine::next(&self.stored.record, &seen) {
                Next::Stop(conflict) => {
                    self.take_share_back().await?;
                    break Ok(Soaked::Stopped(conflict));
                }
                Next::Write(_) => break Ok(Soaked::Moved),
                Next::Wait(_) | Next::Done(_) => {}
            }
            self.leave_if_unready().await?;
            if !self.watching.blind {
                watched += last.elapsed();
            }
            last = Instant::now();
            let judgment = if compares {
                match self.judged(soak) {
                    Judgment::Good => self.with_traffic(&mut unserved).await?,
                    other => other,
                }
            } else {
                self.baked(&restarts, watched, soak)
            };
            match judgment {
                Judgment::Good if stays => self.say("nothing counts against the canary; holding"),
                Judgment::Good => break Ok(Soaked::Good),
                Judgment::Bad(why) => {
                    let dead = Dead {
                        failure: Failure::Bad,
                        pod: None,
                        container: None,
                        reason: why,
                        message: String::new(),
                    };
                    self.roll_back(dead).await?;
                    break Ok(Soaked::Moved);
                }
                Judgment::Undecided { why, waits } => {
                    // On a slow server readings come late; that alone is no reason to give up.
                    let longest = self.longest(soak) * if waits { 4 } else { 1 };
                    if watched >= longest && !stays {
                        break Ok(Soaked::Undecided(why));
                    }
                    self.say(&format!("watching the canary: {why}"));
                }
            }
            self.wait().await?;
        };
        self.patience.goal = patience;
        result
    }

    /// How long a canary may stay undecided.
    fn longest(&self, soak: Duration) -> Duration {
        let asked = self.stored.record.asked.as_ref();
        let warmup = asked.map_or(Duration::ZERO, |asked| asked.settings.warmup);
        warmup + 2 * soak + GRACE
    }

    /// Takes back that a canary is good where a Service is known and sends it nothing: nothing could
    /// have gone wrong. It is asked once; where Services may not be read, that is not known.
    async fn with_traffic(&self, known: &mut Option<Option<String>>) -> Result<Judgment> {
        let why = match known {
            Some(why) => why.clone(),
            None => {
                let (context, record) = (self.context, &self.stored.record);
                let services = context
                    .session
                    .in_(&context.target.namespace)
                    .of::<Service>();
                let (stable, canary) = record.templates();
                let listed = context.interrupt.guard(services.list()).await;
                let why = match listed {
                    Ok(all) => without_traffic(stable, canary, &all),
                    Err(error) if error.kind() == Kind::Interrupted => return Err(error),
                    Err(_) => None,
                };
                known.insert(why).clone()
            }
        };
        Ok(why.map_or(Judgment::Good, |why| Judgment::Undecided {
            why,
            waits: false,
        }))
    }

    /// Compares the canary with the stable pods.
    fn judged(&mut self, soak: Duration) -> Judgment {
        let every = (soak / 60).clamp(Duration::from_secs(1), Duration::from_secs(5));
        let verdict = self.look(every);
        let sides = Sides::of(&self.stored.record, &self.watching.cluster);
        let (canaries, unready) = sides.canaries();
        judgment::judge(&verdict, canaries, unready)
    }

    /// Watches what was promoted, which has nothing beside it to compare with.
    fn baked(&self, before: &BTreeMap<String, i32>, watched: Duration, bake: Duration) -> Judgment {
        let cluster = &self.watching.cluster;
        let pods = cluster
            .pods
            .values()
            .filter(|pod| !pod.is_gone() && cluster.sets.contains_key(&pod.owner));
        let more = |pod: &Pod| pod.restarts - before.get(&pod.uid).unwrap_or(&0);
        let restarts = pods.clone().map(more).sum();
        let unready = pods.clone().filter(|pod| !pod.ready).count();
        judgment::bake(watched, bake, pods.count(), restarts, unready)
    }

    /// Keeps the lease, and in the record how much of the watching is over.
    async fn note_soaked(&mut self, watched: Duration) -> Result<()> {
        if let Some(rollout) = &mut self.stored.record.rollout {
            rollout.soaked = watched.as_secs();
        }
        self.keep_lease().await
    }

    /// Goes on to the next weight of the rollout; says whether there was one.
    ///
    /// # Errors
    ///
    /// As [`Drive::run`].
    pub async fn next_step(&mut self) -> Result<bool> {
        let mut record = self.stored.record.clone();
        if !record.onward(self.me.user.clone()) {
            return Ok(false);
        }
        self.put(record).await?;
        Ok(true)
    }
}
