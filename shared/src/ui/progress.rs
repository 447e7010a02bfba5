//! A spinner on stderr that exists only on a terminal.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::visible::visible;

/// What is being waited for; disappears when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn start(group: Option<&MultiProgress>, message: String) -> Self {
        let bar = match group {
            Some(group) => group.add(ProgressBar::new_spinner()),
            None => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar }
    }

    pub(super) fn bar(group: Option<&MultiProgress>, message: String, length: u64) -> Self {
        let bar = match group {
            Some(group) => group.add(ProgressBar::new(length)),
            None => ProgressBar::hidden(),
        };
        if let Ok(style) = ProgressStyle::with_template("{msg} {bar:20} {pos}/{len} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(message);
        Self { bar }
    }

    /// Counts one more as done.
    pub fn advance(&self) {
        self.bar.inc(1);
    }

    /// Changes what is said to be waited for.
    pub fn message(&self, message: impl Into<String>) {
        self.bar.set_message(visible(&message.into()).into_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
