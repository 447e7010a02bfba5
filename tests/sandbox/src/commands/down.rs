//! `down`: ends exactly what was started.

use crate::error::Result;
use crate::layout::RunDir;
use crate::lifecycle;
use crate::lock::Lock;
use crate::state::State;
use crate::ui;

/// Ends one sandbox; one that is not there is down already.
///
/// # Errors
///
/// When a process cannot be ended.
pub(crate) fn run(name: &str) -> Result<()> {
    let run = RunDir::of(name)?;
    let _lock = Lock::acquire(&run.lock(), &format!("another command on sandbox {name}"))?;
    if !run.path().exists() {
        ui::status(&format!("sandbox {name} is not up"));
        return Ok(());
    }
    let existing = State::read(&run).is_some_and(|state| state.existing);
    let ended = lifecycle::take_down(&run)?;
    ui::status(&if existing {
        format!("sandbox {name} is down; the existing cluster is left as it is")
    } else {
        format!("sandbox {name} is down, {ended} processes ended")
    });
    Ok(())
}

/// Ends one sandbox if it is there, without a word about one that is not.
///
/// # Errors
///
/// When a process cannot be ended.
pub(crate) fn quietly(name: &str) -> Result<()> {
    if RunDir::of(name)?.path().exists() {
        run(name)
    } else {
        Ok(())
    }
}

/// Ends every sandbox; one that resists does not save the others.
///
/// # Errors
///
/// The first failure, after all were tried.
pub(crate) fn all() -> Result<()> {
    let runs = RunDir::all();
    if runs.is_empty() {
        ui::status("no sandbox is up");
    }
    let mut first = Ok(());
    for found in runs {
        let result = run(found.name());
        if first.is_ok() {
            first = result;
        } else if let Err(error) = result {
            ui::error(&error);
        }
    }
    first
}
