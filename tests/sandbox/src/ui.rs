//! The only place that prints. Answers go to stdout, everything else to stderr.
//!
//! A closed pipe is no error here: whoever closed it has read enough.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::error::Error;

/// Prints a line of the answer to stdout.
pub fn answer(line: &str) {
    let mut out = io::stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Copies bytes of the answer to stdout; tells whether anybody still reads.
pub fn raw(bytes: &[u8]) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).is_ok()
}

/// Prints a line about what happens to stderr.
pub fn status(line: &str) {
    let _closed = writeln!(io::stderr(), "{line}");
}

/// Prints a warning to stderr.
pub fn warn(line: &str) {
    status(&format!("warning: {line}"));
}

/// Prints an error to stderr; a person who pressed Ctrl-C knows already.
pub fn error(error: &Error) {
    if error.is_interrupted() {
        status("interrupted");
    } else {
        status(&format!("error: {error}"));
    }
}

/// Writes a time span as people read it: `8.1s`, `1m02s`.
#[must_use]
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1}s", time.as_secs_f64())
    } else {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    }
}

/// Progress of something that takes a while: a bar on a terminal, lines elsewhere.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    begun: Instant,
}

impl Progress {
    /// Begins `total` steps of known number, or a spinner when it is 0.
    #[must_use]
    pub fn new(total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let template = if total == 0 {
                "{spinner} {wide_msg} {elapsed}"
            } else {
                "{msg:<44!} {bar:20} {pos}/{len}   {elapsed}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━━╌"));
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self {
            bar,
            total,
            begun: Instant::now(),
        }
    }

    /// Says which step runs now, after `done` finished ones.
    pub fn step(&self, done: u64, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(format!("{message} …"));
            }
            None if self.total > 0 => status(&format!("{message} ({}/{})", done + 1, self.total)),
            None => status(message),
        }
    }

    /// Removes the bar and returns how long everything took.
    pub fn finish(&self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.begun.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_short_below_a_minute_and_padded_above() {
        assert_eq!(duration(Duration::from_millis(8130)), "8.1s");
        assert_eq!(duration(Duration::from_secs(62)), "1m02s");
    }
}
