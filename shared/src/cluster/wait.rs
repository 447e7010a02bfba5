//! The one loop that waits, and the one that writes again what somebody else changed.

use std::fmt::Display;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// How long and how often something is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long in all.
    pub limit: Duration,
    /// The pause after the first look; each is twice as long as the one before.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Patience {
    /// Looks at once, then after 50 ms, 100 ms, and so on up to a second.
    #[must_use]
    pub const fn of(limit: Duration) -> Self {
        Self {
            limit,
            first: Duration::from_millis(50),
            longest: Duration::from_secs(1),
        }
    }
}

/// Looks until there is an answer; `None` when the time is over. It looks at least once, and once
/// more at the very end.
///
/// # Errors
///
/// What `look` returns; interrupted.
pub async fn poll<T>(
    patience: Patience,
    interrupt: &Interrupt,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let end = Instant::now() + patience.limit;
    let mut pause = patience.first;
    loop {
        let last = Instant::now() >= end;
        if let Some(found) = interrupt.guard(look()).await? {
            return Ok(Some(found));
        }
        if last {
            return Ok(None);
        }
        let until = end.min(Instant::now() + pause);
        interrupt
            .guard(async {
                tokio::time::sleep_until(until).await;
                Ok(())
            })
            .await?;
        pause = patience.longest.min(pause * 2);
    }
}

/// How one attempt of a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt<T> {
    /// It is written, or there was nothing to write.
    Done(T),
    /// Somebody else wrote in the meantime: read again, decide again.
    Raced,
}

/// How many times a write is tried.
const ATTEMPTS: u32 = 40;

/// Reads, decides and writes until nobody else writes in between. The pauses are random, so that
/// two runs do not stay in step. A write that was sent is never given up half-way: Ctrl-C counts
/// between two attempts.
///
/// # Errors
///
/// What `attempt` returns; interrupted; conflict when others win every time, in which case `what`
/// (`configmap/claims`) is named.
pub async fn retry_on_conflict<T>(
    what: impl Display,
    interrupt: &Interrupt,
    mut attempt: impl AsyncFnMut() -> Result<Attempt<T>>,
) -> Result<T> {
    for round in 1..=ATTEMPTS {
        interrupt.check()?;
        match attempt().await? {
            Attempt::Done(made) => return Ok(made),
            Attempt::Raced => {
                let longest = 10 * u64::from(round.min(10));
                let pause = Duration::from_millis(fastrand::u64(1..=longest));
                tokio::time::sleep(pause).await;
            }
        }
    }
    Err(
        Error::conflict(format!("{what} keeps being changed by others; gave up"))
            .with_hint("run the same command again"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[tokio::test(start_paused = true)]
    async fn a_poll_looks_once_more_when_the_time_is_over() {
        let begun = Instant::now();
        let mut looks = 0;
        let patience = Patience::of(Duration::from_secs(3));
        let found = poll(patience, &Interrupt::never(), async || {
            looks += 1;
            Ok(None::<()>)
        })
        .await;
        assert!(found.unwrap().is_none());
        assert_eq!(begun.elapsed().as_secs(), 3);
        assert_eq!(looks, 8, "at 0, 50, 150, 350, 750, 1550, 2550 and 3000 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_tried_again_only_while_others_win() {
        let mut left = 3;
        let made = retry_on_conflict("configmap/a", &Interrupt::never(), async || {
            left -= 1;
            Ok(if left == 0 {
                Attempt::Done(7)
            } else {
                Attempt::Raced
            })
        })
        .await;
        assert_eq!(made.unwrap(), 7);

        let lost = retry_on_conflict("configmap/a", &Interrupt::never(), async || {
            Ok(Attempt::<()>::Raced)
        })
        .await
        .unwrap_err();
        assert_eq!(lost.kind(), Kind::Conflict);
        assert_eq!(
            lost.to_string(),
            "configmap/a keeps being changed by others; gave up"
        );
    }
}
