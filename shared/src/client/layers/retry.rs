//! When a request is made again, and saying so.
//!
//! Three facts decide. A 429, and a 503 with `Retry-After`, come from filters that the API server
//! runs before it touches anything (priority and fairness, not ready, shutting down), so any
//! request can be made again. When nothing was sent, nothing was carried out. In all other cases
//! a read may be repeated because it changes nothing, and a write may not, because it may have
//! been carried out: repeating a create then ends in "already exists", repeating an update in a
//! conflict with oneself. Such a write fails with an error that
//! [`outcome_unknown`](super::outcome_unknown) recognises.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use kube::client::Body;
use tokio::time::{Sleep, sleep};
use tower::BoxError;
use tower::retry;

use super::attempt::is_stream;
use super::failure::{Failure, OutcomeUnknown};
use crate::flags::duration::Span;
use crate::ui::Ui;

/// Tries of one request while the server is busy.
const BUSY_TRIES: u32 = 5;
/// The longest that one request waits in all.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// From this much waiting on, people want to know why.
const SILENT_WAIT: Duration = Duration::from_secs(2);
/// Waits between tries when the server cannot be reached.
const REACH_WAITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// What happens after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Retry(Duration),
    GiveUp,
}

/// Decides after the `attempt`th try of a request failed (counted from 1), having `waited` so far.
pub(super) fn decide(reads: bool, attempt: u32, failure: Failure, waited: Duration) -> Decision {
    let busy = |wait: Duration| {
        if attempt < BUSY_TRIES && waited + wait <= LONGEST_WAIT {
            Decision::Retry(wait)
        } else {
            Decision::GiveUp
        }
    };
    let reach = |tries: usize| match REACH_WAITS[..tries].get(attempt as usize - 1) {
        Some(wait) => Decision::Retry(*wait),
        None => Decision::GiveUp,
    };
    match failure {
        Failure::Status(StatusCode::TOO_MANY_REQUESTS, None) => {
            busy(Duration::from_millis(500) * 2_u32.pow(attempt.min(BUSY_TRIES) - 1))
        }
        Failure::Status(
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE,
            Some(wait),
        ) => busy(wait),
        Failure::Status(status, Some(wait)) if reads && status.is_server_error() => busy(wait),
        Failure::NotSent { transient: true } => reach(if reads { 2 } else { 1 }),
        Failure::Lost if reads => reach(2),
        Failure::Status(..)
        | Failure::NotSent { .. }
        | Failure::Lost
        | Failure::TimedOut
        | Failure::TooLarge => Decision::GiveUp,
    }
}

/// Says whether a request leaves no trace, so that it may be made again: reads, the reviews (which
/// are questions although they are posted) and dry runs.
pub(super) fn is_read<B>(request: &Request<B>) -> bool {
    let uri = request.uri();
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    let review = [
        "/apis/authorization.k8s.io/",
        "/apis/authentication.k8s.io/",
    ];
    reads
        || review.iter().any(|group| uri.path().contains(group))
        || uri
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair == "dryRun=All"))
}

/// The decisions over the tries of one request.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    ui: Ui,
    attempt: u32,
    waited: Duration,
    spoke: bool,
}

impl Policy {
    pub(super) fn new(ui: Ui) -> Self {
        Self {
            ui,
            attempt: 0,
            waited: Duration::ZERO,
            spoke: false,
        }
    }

    fn speak(&mut self, failure: Failure, wait: Duration) {
        if self.spoke || self.waited < SILENT_WAIT {
            return;
        }
        self.spoke = true;
        let why = match failure {
            Failure::Status(status, _) => format!("the server is busy ({})", status.as_u16()),
            _ => "the server cannot be reached".to_owned(),
        };
        self.ui
            .status(format_args!("{why}, retrying in {}", Span(wait)));
    }
}

impl<B> retry::Policy<Request<Body>, Response<B>, BoxError> for Policy {
    type Future = Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<B>, BoxError>,
    ) -> Option<Sleep> {
        let failure = Failure::of(result)?;
        self.attempt += 1;
        // A watch that breaks has its own way of going on: where it was.
        let lost_stream = failure == Failure::Lost && is_stream(request);
        let decision = decide(is_read(request), self.attempt, failure, self.waited);
        if let (Decision::Retry(wait), false) = (decision, lost_stream) {
            self.waited += wait;
            self.speak(failure, wait);
            return Some(sleep(wait));
        }
        let sent = matches!(failure, Failure::Lost | Failure::TimedOut);
        if let Err(error) = result
            && sent
            && !is_read(request)
        {
            let cause = std::mem::replace(error, "".into());
            *error = Box::new(OutcomeUnknown {
                method: request.method().clone(),
                cause,
            });
        }
        None
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        let mut copy = Request::new(request.body().try_clone()?);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.version_mut() = request.version();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        Some(copy)
    }
}
