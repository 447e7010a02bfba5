//! Which requests fail, and how many were answered with which code.

use std::fmt::Write;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// The share of requests that fail, spread evenly: tests count failures, so chance has no place.
#[derive(Debug)]
pub(crate) struct Share {
    percent: AtomicU64,
    seen: AtomicU64,
}

impl Share {
    pub(crate) fn new(percent: u64) -> io::Result<Self> {
        let share = Self {
            percent: AtomicU64::new(0),
            seen: AtomicU64::new(0),
        };
        share.set(percent)?;
        Ok(share)
    }

    /// Changes the share, in per cent, for the requests to come.
    pub(crate) fn set(&self, percent: u64) -> io::Result<()> {
        if percent > 100 {
            return Err(io::Error::other(format!(
                "a share is 0 to 100 per cent, not {percent}"
            )));
        }
        self.percent.store(percent, Ordering::Relaxed);
        Ok(())
    }

    /// Counts one more request and says whether it fails: of any 100 in a row, `percent` do.
    pub(crate) fn next_fails(&self) -> bool {
        let percent = self.percent.load(Ordering::Relaxed);
        let before = self.seen.fetch_add(1, Ordering::Relaxed) % 100;
        (before + 1) * percent / 100 > before * percent / 100
    }
}

/// Answers to `/` by code since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    ok: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    pub(crate) fn count(&self, code: u16) {
        let counter = if code == 200 { &self.ok } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Renders the counts in Prometheus' text format.
    pub(crate) fn render(&self, version: &str) -> String {
        let mut text = String::from(
            "# HELP http_requests_total Answered requests by code.\n\
             # TYPE http_requests_total counter\n",
        );
        for (code, counter) in [(200, &self.ok), (500, &self.failed)] {
            let count = counter.load(Ordering::Relaxed);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "http_requests_total{{code=\"{code}\",version={version:?}}} {count}"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_requests_exactly_the_share_fails() {
        for percent in [0, 1, 30, 50, 99, 100] {
            let share = Share::new(percent).unwrap();
            let failed = (0..300).filter(|_| share.next_fails()).count() as u64;
            assert_eq!(failed, 3 * percent);
        }
    }

    #[test]
    fn failures_are_spread_and_not_bunched() {
        let share = Share::new(50).unwrap();
        let failed: Vec<bool> = (0..4).map(|_| share.next_fails()).collect();
        assert_eq!(failed, [false, true, false, true]);
    }

    #[test]
    fn a_share_above_a_hundred_is_refused_and_changes_nothing() {
        let share = Share::new(100).unwrap();
        assert!(share.set(101).is_err());
        assert!(share.next_fails());
    }

    #[test]
    fn counts_are_rendered_in_the_text_format() {
        let counts = Counts::default();
        counts.count(200);
        counts.count(200);
        counts.count(500);
        let text = counts.render("1");
        assert!(
            text.contains("\nhttp_requests_total{code=\"200\",version=\"1\"} 2\n"),
            "{text}"
        );
        assert!(
            text.ends_with("http_requests_total{code=\"500\",version=\"1\"} 1\n"),
            "{text}"
        );
    }
}
