//! How times are shown.

use std::time::Duration;

use groundcrew::flags::duration::Span;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns `2026-12-21 09:14 UTC (30d)`.
#[must_use]
pub fn until(end: Timestamp, now: Timestamp) -> String {
    let at = end.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC");
    format!("{at} ({})", remaining(end, now))
}

/// Returns how long it is until `end`, everywhere in the same way: up to the next ten minutes, so
/// that a certificate for 30 days is not one for "29d23h".
#[must_use]
pub fn remaining(end: Timestamp, now: Timestamp) -> Span {
    Span(Duration::from_secs(
        left(end, now).as_secs().div_ceil(600) * 600,
    ))
}

/// Returns the time from `now` to `end`; zero when it is over.
#[must_use]
pub fn left(end: Timestamp, now: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(end.as_second() - now.as_second()).unwrap_or_default())
}
