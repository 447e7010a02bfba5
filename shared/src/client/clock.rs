//! The API server's clock: the one that ends what lasts for a while.
//!
//! Every answer carries it in the `Date` header (RFC 9110, section 6.6.1). A laptop's clock may
//! be wrong by days, and `expires-at` would be as well.

use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::client::Body;
use kube::core::Status;
use serde::de::DeserializeOwned;

use super::errors::failed;
use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::flags::duration::Span;

/// How far this machine's clock may be off before nothing is reaped.
pub const MAX_SKEW: Duration = Duration::from_secs(300);

/// The server's time, going on since it was read.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    server: Timestamp,
    read: Instant,
    here: Timestamp,
    told: bool,
}

impl Clock {
    fn of(server: Option<Timestamp>) -> Self {
        let here = Timestamp::now();
        Self {
            server: server.unwrap_or(here),
            read: Instant::now(),
            here,
            told: server.is_some(),
        }
    }

    /// Returns the server's time in whole seconds, as Kubernetes keeps times.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self
            .server
            .checked_add(self.read.elapsed())
            .unwrap_or(self.server);
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Returns how far this machine's clock is off.
    #[must_use]
    pub fn skew(&self) -> Duration {
        self.server.duration_since(self.here).unsigned_abs()
    }

    /// Says how far off this machine's clock is, when that is more than [`MAX_SKEW`], before `the
    /// server's`: `2h behind`.
    #[must_use]
    pub fn off(&self) -> Option<String> {
        let way = if self.here < self.server {
            "behind"
        } else {
            "ahead of"
        };
        // An answer is on its way for a moment, and `Date` has whole seconds.
        let minutes = (self.skew().as_secs() + 30) / 60;
        let about = Span(Duration::from_secs(minutes * 60));
        (self.skew() > MAX_SKEW).then(|| format!("{about} {way}"))
    }

    /// Checks that two clocks agree on the time, for what deletes by it.
    ///
    /// # Errors
    ///
    /// Incomplete: more than five minutes between the server's clock and this machine's, or no
    /// `Date` in the answer.
    pub fn check(&self) -> Result<()> {
        if !self.told {
            return Err(Error::new(
                Kind::Incomplete,
                "the server sends no Date header, so its clock is unknown; nothing was changed",
            ));
        }
        if self.skew() <= MAX_SKEW {
            return Ok(());
        }
        Err(Error::new(
            Kind::Incomplete,
            format!(
                "the server's clock and this machine's differ by {}; nothing was changed",
                Span(self.skew())
            ),
        )
        .with_detail(format!("server: {}", self.server))
        .with_detail(format!("here:   {}", self.here))
        .with_hint(
            "claims expire by the server's clock: correct whichever clock is wrong, then run this again",
        ))
    }
}

/// Reads the server's clock alone. Everybody may ask for the version, and a refusal has a `Date` as
/// well.
///
/// # Errors
///
/// That the server cannot be reached.
pub async fn read(session: &Session) -> Result<Clock> {
    let answer = ask(session, "/version").await;
    answer
        .map(|(_, clock)| clock)
        .map_err(failed("get", "/version"))
}

/// Reads an object and the server's clock; `None` when it is not there.
///
/// # Errors
///
/// What the server says.
pub async fn get<K: DeserializeOwned>(
    session: &Session,
    path: &str,
) -> kube::Result<(Option<K>, Clock)> {
    let (response, clock) = ask(session, path).await?;
    let code = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if code == http::StatusCode::NOT_FOUND {
        return Ok((None, clock));
    }
    if !code.is_success() {
        let status = serde_json::from_slice::<Status>(&body).unwrap_or_else(|_| {
            let text = String::from_utf8_lossy(&body);
            Status::failure(&text, "Failed to parse error data").with_code(code.as_u16())
        });
        return Err(kube::Error::Api(status.boxed()));
    }
    let object = serde_json::from_slice(&body).map_err(kube::Error::SerdeError)?;
    Ok((Some(object), clock))
}

/// Gets a path; returns the answer, whatever it is, and the server's clock.
async fn ask(session: &Session, path: &str) -> kube::Result<(http::Response<Body>, Clock)> {
    let request = http::Request::get(path)
        .body(Body::empty())
        .map_err(kube::Error::HttpError)?;
    let response = session.client.send(request).await?;
    let date = response
        .headers()
        .get(http::header::DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(date);
    Ok((response, Clock::of(date)))
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text)
        .ok()
        .map(|moment| moment.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_time_is_read_as_go_writes_it() {
        let moment = date("Sat, 21 Nov 2026 12:05:00 GMT").unwrap();
        assert_eq!(moment.to_string(), "2026-11-21T12:05:00Z");
        assert_eq!(date("yesterday"), None);
    }

    #[test]
    fn more_than_five_minutes_between_two_clocks_stop_what_deletes() {
        let now = Timestamp::now();
        let off = |seconds: i64| {
            Clock::of(Some(
                Timestamp::from_second(now.as_second() + seconds).unwrap(),
            ))
            .check()
        };
        assert!(off(0).is_ok() && off(290).is_ok() && off(-290).is_ok());
        let told = |seconds: i64| {
            let moment = Timestamp::from_second(now.as_second() + seconds).unwrap();
            Clock::of(Some(moment)).off()
        };
        assert_eq!(told(290), None);
        assert!(told(7300).is_some_and(|text| text.ends_with("behind")));
        assert!(told(-7300).is_some_and(|text| text.ends_with("ahead of")));
        for seconds in [310, -310, 86_400] {
            assert_eq!(off(seconds).unwrap_err().kind(), Kind::Incomplete);
        }
        assert_eq!(
            Clock::of(None).check().unwrap_err().kind(),
            Kind::Incomplete
        );
    }
}
