//! Ctrl-C and its relatives, as a flag that every wait looks at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{Context as _, Error, Result};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// How often a wait looks at the flag.
const TICK: Duration = Duration::from_millis(50);

/// Turns SIGINT, SIGTERM and SIGHUP into a flag, so that a command can clean up before it ends.
///
/// # Errors
///
/// When the system refuses the handler.
pub fn watch() -> Result<()> {
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag))
            .context(|| "cannot watch for Ctrl-C".to_owned())?;
    }
    Ok(())
}

/// Tells whether the command was asked to end.
#[must_use]
pub fn requested() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::SeqCst))
}

/// Fails when the command was asked to end.
///
/// # Errors
///
/// [`Error::interrupted`] after a signal.
pub fn check() -> Result<()> {
    if requested() {
        Err(Error::interrupted())
    } else {
        Ok(())
    }
}

/// Sleeps, but not past a signal.
///
/// # Errors
///
/// [`Error::interrupted`] after a signal.
pub fn pause(time: Duration) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(TICK));
    }
}
