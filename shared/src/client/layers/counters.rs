//! What a session's requests have in common: where they go, and how many there were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where requests go and how long one may take.
#[derive(Clone, Debug, Default)]
pub(in crate::client) struct Place {
    /// `host:port` of the API server.
    pub(in crate::client) server: String,
    /// `host:port` of the proxy in between.
    pub(in crate::client) proxy: Option<String>,
    /// Limits one attempt, answer included; a watch only until it starts.
    pub(in crate::client) timeout: Option<Duration>,
}

/// What is counted over all requests of a session.
#[derive(Clone, Debug, Default)]
pub(in crate::client) struct Counters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    warnings: AtomicU64,
    /// Bytes of the answers that are not here in full yet.
    reading: AtomicU64,
}

impl Counters {
    pub(in crate::client) fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    pub(in crate::client) fn warnings(&self) -> u64 {
        self.0.warnings.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(in crate::client) fn add_warning_for_test(&self) {
        self.count_warning();
    }

    /// Begins to read an answer.
    pub(super) fn reading(&self) -> Reading {
        Reading {
            counts: Arc::clone(&self.0),
            bytes: 0,
        }
    }

    pub(super) fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_warning(&self) {
        self.0.warnings.fetch_add(1, Ordering::Relaxed);
    }
}

/// The bytes of an answer that is being read; they no longer count when it is dropped.
#[derive(Debug)]
pub(super) struct Reading {
    counts: Arc<Counts>,
    bytes: u64,
}

impl Reading {
    /// Adds some, and returns how many there are in all answers.
    pub(super) fn add(&mut self, bytes: usize) -> u64 {
        let bytes = bytes as u64;
        self.bytes += bytes;
        self.counts.reading.fetch_add(bytes, Ordering::Relaxed) + bytes
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.counts.reading.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_read_at_once_count_together_until_they_are_here() {
        let counters = Counters::default();
        let (mut one, mut other) = (counters.reading(), counters.reading());
        assert_eq!(one.add(10), 10);
        assert_eq!(other.add(5), 15);
        drop(one);
        assert_eq!(other.add(1), 6);
    }
}
