//! Being the driver: taking over, saying so, and noticing that one is it no more.

use std::time::Duration;

use groundcrew::client::Session;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};

use crate::cluster::deployment;
use crate::cluster::records::{Put, Store, Stored};
use crate::cluster::watch::Watching;
use crate::cluster::write::{self, Written};
use crate::drive::driver::Drive;
use crate::drive::this_process::{self, Heard};
use crate::model::names::MARKER;
use crate::model::patch;
use crate::model::record::driver::{Driver, Driving, RENEW, SURE};
use crate::model::record::{Goal, Record};
use crate::model::target::Target;

/// What came of trying to become the driver.
#[derive(Debug)]
pub enum Acquired {
    /// This process drives.
    Mine(Box<Stored>),
    /// Somebody else does.
    Other(Driver),
}

/// Becomes the driver of a record, changing it on the way; a driver that was silent for too long
/// is told by a new fence.
///
/// # Errors
///
/// What the server says; that the record is gone.
pub async fn acquire(
    session: &Session,
    store: &Store,
    mut stored: Stored,
    clock: &Clock,
    me: &Driver,
    change: impl Fn(&mut Record),
) -> Result<Acquired> {
    for _ in 0..TRIES {
        let mut record = stored.record.clone();
        match this_process::standing(record.driver.as_ref(), me, clock.now()) {
            Driving::Other => {
                return Ok(Acquired::Other(record.driver.unwrap_or_else(|| me.clone())));
            }
            Driving::Gone => record.fence += 1,
            Driving::Nobody | Driving::Me => {}
        }
        record.driver = Some(Driver {
            renewed: clock.now(),
            ..me.clone()
        });
        change(&mut record);
        match store.replace(&stored, &record).await? {
            Put::Done(stored) => return Ok(Acquired::Mine(stored)),
            Put::Raced => {}
            Put::Blind(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
        stored = store.read(session).await?.0.ok_or_else(gone)?;
    }
    Err(Error::conflict(
        "the record keeps being changed by others; gave up",
    ))
}

/// Tries against others, and against a server that is busy.
const TRIES: usize = 20;

fn gone() -> Error {
    Error::conflict("the record of this canary was deleted; nothing more is written")
        .with_hint("see what is left:  kubectl rollout-canary doctor")
}

/// Writes the new fence to the Deployment, so that what a frozen driver sends is refused.
///
/// # Errors
///
/// What the server says.
pub async fn fence(
    session: &Session,
    target: &Target,
    watching: &mut Watching,
    record: &Record,
) -> Result<()> {
    for _ in 0..TRIES {
        let marker = &watching.cluster.deployment["metadata"]["labels"][MARKER];
        let Some(form) = marker.as_str().and_then(|text| record.marked(text)) else {
            return Ok(());
        };
        if marker.as_str() == Some(&record.marker(form)) {
            return Ok(());
        }
        let operations = patch::fence(record, &watching.cluster.deployment);
        match write::send(session, target, &operations, false).await? {
            Written::Done(object) => return watching.put_deployment(&object),
            Written::LookAgain => {}
            Written::Blind(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
        watching.cluster.deployment = deployment::deployment(session, target).await?;
    }
    Err(Error::conflict(
        "the Deployment keeps being changed by others; gave up",
    ))
}

impl Drive<'_> {
    /// Says that this process is alive when that is due, and checks that it still drives.
    pub(super) async fn keep_lease(&mut self) -> Result<()> {
        if self.heard.age() < RENEW {
            return Ok(());
        }
        let mut record = self.stored.record.clone();
        record.driver = Some(Driver {
            renewed: self.clock.now(),
            ..self.me.clone()
        });
        // A process that slept does not know the time any more.
        if self.heard.age() >= SURE {
            return self.wake_up().await;
        }
        self.put(record).await
    }

    /// After a sleep longer than the lease nothing is believed: the record says who drives.
    async fn wake_up(&mut self) -> Result<()> {
        let (stored, clock) = match self.context.store.read(self.context.session).await {
            Ok((stored, clock)) => (stored, clock),
            Err(error) => {
                self.say(&format!("cannot reach the cluster; holding: {error}"));
                return Ok(());
            }
        };
        self.clock = clock;
        let Some(stored) = stored else {
            return Err(gone());
        };
        self.stored = stored;
        self.still_mine()?;
        self.heard = Heard::now();
        let mut record = self.stored.record.clone();
        record.driver = Some(Driver {
            renewed: self.clock.now(),
            ..self.me.clone()
        });
        self.put(record).await
    }

    /// Checks that the record as it was read last names this process.
    fn still_mine(&self) -> Result<()> {
        match &self.stored.record.driver {
            Some(driver) if driver.id == self.me.id => Ok(()),
            Some(driver) => Err(other(driver)),
            None => Err(Error::conflict(
                "this process no longer drives the canary; nothing more is written",
            )),
        }
    }

    /// Says whether a write may be sent: only well inside of the lease.
    pub(super) fn may_write(&self) -> bool {
        self.heard.age() < SURE
    }

    /// Writes the record. What others asked for in between is kept; another driver ends this one.
    pub(crate) async fn put(&mut self, record: Record) -> Result<()> {
        let (context, mut record) = (self.context, record);
        for _ in 0..TRIES {
            // Stamped at the moment of sending: between the last stamp and now may lie a sleep.
            if self.heard.age() >= SURE {
                return Ok(());
            }
            match context.store.replace(&self.stored, &record).await? {
                Put::Done(stored) => {
                    self.stored = *stored;
                    self.heard = Heard::now();
                    return Ok(());
                }
                Put::Raced => {}
                Put::Blind(why) => {
                    self.say(&format!("cannot reach the cluster; holding: {why}"));
                    tokio::select! {
                        () = context.interrupt.fired() => return Err(Error::interrupted()),
                        () = tokio::time::sleep(Duration::from_millis(500)) => {}
                    }
                }
            }
            let Ok((found, _)) = context.store.read(context.session).await else {
                continue;
            };
            self.stored = found.ok_or_else(gone)?;
            self.still_mine()?;
            record.request.clone_from(&self.stored.record.request);
        }
        Err(Error::conflict(
            "the record keeps being changed by others; gave up",
        ))
    }

    /// Takes up what somebody else asked for; abort beats promote.
    pub(super) async fn take_request(&mut self) -> Result<bool> {
        let Some(request) = self.stored.record.request.clone() else {
            return Ok(false);
        };
        let mut record = self.stored.record.clone();
        if matches!(request.goal, Goal::Hold { .. }) {
            record.stay();
        } else {
            record.aim(request.goal);
        }
        self.put(record).await?;
        Ok(true)
    }

    /// Says in the record that nobody drives; one try, since the lease ends by itself.
    pub async fn release(&mut self) {
        let record = Record {
            driver: None,
            ..self.stored.record.clone()
        };
        match self.context.store.replace(&self.stored, &record).await {
            Ok(Put::Done(stored)) => self.stored = *stored,
            other => tracing::info!(
                ?other,
                "the record keeps its driver until the lease is over"
            ),
        }
    }

    /// Deletes the record at the end.
    ///
    /// # Errors
    ///
    /// What the server says; that another driver took over.
    pub async fn forget(&mut self) -> Result<()> {
        for _ in 0..TRIES {
            if self.context.store.delete(&self.stored, false).await? {
                return Ok(());
            }
            let (found, _) = self.context.store.read(self.context.session).await?;
            let Some(found) = found else { return Ok(()) };
            self.stored = found;
            self.still_mine()?;
        }
        Err(Error::conflict(
            "the record keeps being changed by others; gave up",
        ))
    }

    /// Tells a frozen predecessor by a new fence on the Deployment.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn fence(&mut self) -> Result<()> {
        let context = self.context;
        fence(
            context.session,
            context.target,
            &mut self.watching,
            &self.stored.record,
        )
        .await
    }
}

/// Returns the error for a canary that somebody else drives.
#[must_use]
pub fn other(driver: &Driver) -> Error {
    Error::conflict(format!(
        "{driver} is driving this canary; nothing was changed"
    ))
}
