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

    pub(super) fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_warning(&self) {
        self.0.warnings.fetch_add(1, Ordering::Relaxed);
    }
}
