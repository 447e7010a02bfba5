//! A connection, the Deployment and its record; becoming the driver of it.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;

use crate::cluster::deployment;
use crate::cluster::records::{Store, Stored};
use crate::cluster::watch::Watching;
use crate::drive::driver::{Context, Drive, Patience};
use crate::drive::lease::{self, Acquired};
use crate::drive::this_process;
use crate::model::machine::next::Next;
use crate::model::names::{MARKER, is_hold};
use crate::model::record::Record;
use crate::model::record::driver::{Driver, Driving};
use crate::model::target::Target;
use crate::model::{machine, walk};

/// What came of trying to drive.
pub enum Drove<'a> {
    /// This process drives.
    Mine(Box<Drive<'a>>),
    /// Somebody else does.
    Other(Driver),
    /// What was found before blocks it; it was told, and nothing is written.
    Blocked,
}

/// A connection and the Deployment on it.
pub struct Open {
    /// The connection.
    pub session: Session,
    /// The Deployment.
    pub target: Target,
    /// Its record's place.
    pub store: Store,
}

/// Reads the record, which has to be there and be this Deployment's.
///
/// # Errors
///
/// That there is none.
pub async fn read(open: &Open) -> Result<(Stored, Clock)> {
    let (stored, clock) = open.store.read(&open.session).await?;
    let stored = stored.ok_or_else(|| none(&open.target))?;
    Ok((stored, clock))
}

/// Reads the record where there is one; without one there is nothing to do, unless the Deployment
/// still holds.
///
/// # Errors
///
/// That it holds without a record; what the server says.
pub async fn read_if_any(open: &Open) -> Result<Option<(Stored, Clock)>> {
    let (stored, clock) = open.store.read(&open.session).await?;
    if let Some(stored) = stored {
        return Ok(Some((stored, clock)));
    }
    let found = deployment::deployment(&open.session, &open.target).await?;
    let marked = found["metadata"]["labels"][MARKER].is_string();
    if marked || is_hold(&found["spec"]["minReadySeconds"]) {
        let fix = format!("repair it:  {}", open.target.words("doctor", "--fix"));
        return Err(Error::conflict(format!(
            "deployment {} is held or marked by a canary that has no record",
            open.target.name
        ))
        .with_hint(fix));
    }
    Ok(None)
}

/// Returns the error for a Deployment without a canary.
#[must_use]
pub fn none(target: &Target) -> Error {
    Error::failed(format!("deployment {} has no canary", target.name)).with_hint(format!(
        "start one:  {}",
        target.words("", "10% --image CONTAINER=IMAGE")
    ))
}

impl Open {
    /// Returns the place of a Deployment in the connection's namespace.
    #[must_use]
    pub fn new(session: Session, name: String) -> Self {
        let target = Target::new(session.namespace.clone(), name);
        Self::of(session, target)
    }

    /// Returns the same with another field manager.
    #[must_use]
    pub fn written_by(self, manager: &str) -> Self {
        let target = Target {
            manager: manager.to_owned(),
            ..self.target
        };
        Self::of(self.session, target)
    }

    fn of(session: Session, target: Target) -> Self {
        let store = Store::new(&session, &target);
        Self {
            session,
            target,
            store,
        }
    }

    /// Returns the driver's context.
    #[must_use]
    pub fn context<'a>(&'a self, ui: &'a Ui, interrupt: &'a Interrupt) -> Context<'a> {
        Context {
            session: &self.session,
            ui,
            interrupt,
            target: &self.target,
            store: &self.store,
        }
    }

    /// Becomes the driver of a record and starts to watch. `check` is asked before anything is
    /// written, with the record as it will be, unless somebody else drives.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub async fn drive<'a>(
        &'a self,
        ui: &'a Ui,
        interrupt: &'a Interrupt,
        (stored, clock): (Stored, Clock),
        patience: Patience,
        check: impl AsyncFn(&Watching, &Record, &Clock) -> Result<bool>,
        change: impl Fn(&mut Record),
    ) -> Result<Drove<'a>> {
        let me = this_process::me(clock.now());
        // What can fail comes before anything is written.
        let watching = Watching::open(&self.session, &self.target).await?;
        let standing = this_process::standing(stored.record.driver.as_ref(), &me, clock.now());
        if standing != Driving::Other {
            let mut record = stored.record.clone();
            change(&mut record);
            if !check(&watching, &record, &clock).await? {
                return Ok(Drove::Blocked);
            }
        }
        // What is to be done for it is announced in the same write.
        let change = |record: &mut Record| {
            change(record);
            record.written_by(&self.target.manager);
            let seen = watching.cluster.seen(record, clock.now());
            if let Next::Write(form) = machine::next(record, &seen) {
                walk::announce(record, &seen, &form);
            }
        };
        let acquired =
            lease::acquire(&self.session, &self.store, stored, &clock, &me, change).await?;
        let stored = match acquired {
            Acquired::Mine(stored) => *stored,
            Acquired::Other(driver) => return Ok(Drove::Other(driver)),
        };
        let context = self.context(ui, interrupt);
        let mut drive = Drive::new(context, watching, stored, clock, me, patience);
        drive.fence().await?;
        Ok(Drove::Mine(Box::new(drive)))
    }
}
