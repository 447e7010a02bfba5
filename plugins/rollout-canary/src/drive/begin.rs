//! The beginning of a canary: the record is written, and nothing else.

use groundcrew::app::Interrupt;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;

use crate::cluster::records::Put;
use crate::cluster::watch::Watching;
use crate::drive::driver::{Drive, Patience};
use crate::drive::plan::before::Nearest;
use crate::drive::plan::{Look, draft, planned, text};
use crate::drive::session::Open;
use crate::drive::{lease, this_process};
use crate::model::intent::Intent;

/// What came of a start.
pub enum Begun<'a> {
    /// The record is written, and this process drives.
    Drives(Box<Drive<'a>>),
    /// What was found blocks it; it was told, and nothing is written.
    Blocked,
}

/// Starts a canary: returns the driver, with the record written and nothing else.
///
/// # Errors
///
/// What keeps it from beginning; what the server says.
pub async fn begin<'a>(
    intent: &Intent,
    open: &'a Open,
    clock: Clock,
    patience: Patience,
    ui: &'a Ui,
    interrupt: &'a Interrupt,
) -> Result<Begun<'a>> {
    let (session, target) = (&open.session, &open.target);
    let watching = interrupt.guard(Watching::open(session, target)).await?;
    let me = this_process::me(clock.now());
    let plan = async {
        let mut draft = draft(intent, open, &watching.cluster, (&clock, &me)).await?;
        if let Some(nearest) = draft.nearest()
            && take(nearest, intent.split.yes, ui)?
        {
            draft.take_nearest();
        }
        let start = draft.start(intent, open).await?;
        let (plan, blocked) = draft.plan(intent, open, Look::BeforeStart).await?;
        Ok((start, plan, blocked))
    };
    let (start, plan, blocked) = interrupt.guard(plan).await?;
    for line in text::notes(&plan) {
        ui.status(line);
    }
    if blocked {
        return Ok(Begun::Blocked);
    }
    ui.status(format_args!("│ plan: {}", planned(&start.way)));
    let stored = match open.store.create(&start.record).await? {
        Put::Done(stored) => *stored,
        Put::Blind(why) => {
            return Err(Error::failed(format!("could not write the record: {why}")));
        }
        Put::Raced => {
            let (found, _) = open.store.read(session).await?;
            let driver = found.and_then(|found| found.record.driver);
            return Err(driver.map_or_else(
                || Error::conflict("someone else has just started a canary; nothing was changed"),
                |driver| lease::other(&driver),
            ));
        }
    };
    let context = open.context(ui, interrupt);
    let drive = Drive::new(context, watching, stored, clock, me, patience);
    Ok(Begun::Drives(Box::new(drive)))
}

/// Asks whether the nearest split is wanted; without a terminal, and without `--yes`, the start says
/// itself why it is refused.
fn take(nearest: Nearest, yes: bool, ui: &Ui) -> Result<bool> {
    if yes {
        ui.status(format_args!("note: {nearest}"));
        return Ok(true);
    }
    if !ui.is_interactive() {
        return Ok(false);
    }
    if ui.confirm(&format!("{nearest}. Start with that?"))? {
        return Ok(true);
    }
    Err(Error::failed("aborted; nothing was changed"))
}
