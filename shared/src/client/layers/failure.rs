//! How a request can fail, and what that says about the server's state.

use std::error::Error as StdError;
use std::fmt;
use std::io::ErrorKind;
use std::time::Duration;

use http::{Method, Response, StatusCode, header};
use tower::BoxError;

use crate::limits;

/// Why an attempt did not end in an answer that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server answered with an error, and with how long to wait if it said so.
    Status(StatusCode, Option<Duration>),
    /// Nothing was sent; `transient` when another try may find the server there.
    NotSent {
        /// Whether it is worth another try: refused, or cut while connecting.
        transient: bool,
    },
    /// The request was sent, at least in part, and no complete answer came back.
    Lost,
    /// The time for one attempt was over.
    TimedOut,
    /// The answer has more bytes than are read; asking again brings the same.
    TooLarge,
}

impl Failure {
    /// Returns what went wrong, or `None` for an answer that is not an error.
    pub(super) fn of<B>(result: &Result<Response<B>, BoxError>) -> Option<Self> {
        match result {
            Ok(response) => {
                let status = response.status();
                let wait = response.headers().get(header::RETRY_AFTER);
                // Kubernetes always sends seconds, never a date.
                let wait = wait.and_then(|value| value.to_str().ok()?.trim().parse().ok());
                let failed = status.is_client_error() || status.is_server_error();
                failed.then_some(Self::Status(status, wait.map(Duration::from_secs)))
            }
            Err(error) => Some(Self::of_error(error.as_ref())),
        }
    }

    fn of_error(error: &(dyn StdError + 'static)) -> Self {
        if find::<TimedOut>(error).is_some() {
            return Self::TimedOut;
        }
        if find::<AnswerTooLarge>(error).is_some() {
            return Self::TooLarge;
        }
        if find::<BodyLost>(error).is_some() {
            return Self::Lost;
        }
        if let Some(client) = find::<hyper_util::client::legacy::Error>(error) {
            let hyper = find::<hyper::Error>(client);
            if client.is_connect() {
                return Self::NotSent {
                    transient: is_transient(client),
                };
            }
            // hyper cancels only requests that it had not begun to write.
            if hyper.is_some_and(hyper::Error::is_canceled) {
                return Self::NotSent { transient: true };
            }
            return Self::Lost;
        }
        if find::<hyper::Error>(error).is_some() {
            return Self::Lost;
        }
        // What fails above the connection (a token file, a header) fails before it.
        Self::NotSent { transient: false }
    }
}

/// A certificate, a name or a route does not get better within a second; a restart does.
fn is_transient(error: &(dyn StdError + 'static)) -> bool {
    find::<rustls::Error>(error).is_none()
        && io_kind(error).is_some_and(|kind| {
            matches!(
                kind,
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
            )
        })
}

/// Returns the kind of the first I/O error in a chain that has one to tell.
pub(in crate::client) fn io_kind(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    walk(error)
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
        .find(|kind| *kind != ErrorKind::Other)
}

/// Returns the first error of a type in a chain.
pub(in crate::client) fn find<'a, E: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a E> {
    walk(error).find_map(|error| error.downcast_ref())
}

/// Goes through an error and its causes, also those inside of I/O errors: an `io::Error` passes
/// over the error it wraps when asked for its source.
fn walk<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        match wrapped {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

/// An attempt failed: at which server, through which proxy, why.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub(in crate::client) struct Failed {
    /// `host:port`, without any user information.
    pub(in crate::client) server: String,
    /// `host:port` of the proxy in between.
    pub(in crate::client) proxy: Option<String>,
    #[source]
    pub(in crate::client) cause: BoxError,
}

/// The time for one attempt was over.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {}", crate::flags::duration::Span(*.0))]
pub(in crate::client) struct TimedOut(pub(in crate::client) Duration);

/// The answer goes on beyond [`limits::ANSWER`].
#[derive(Debug, thiserror::Error)]
#[error("the answer is larger than {} MiB, the limit", limits::ANSWER >> 20)]
pub(in crate::client) struct AnswerTooLarge;

/// The connection broke inside of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was lost inside of an answer: {0}")]
pub(in crate::client) struct BodyLost(pub(super) BoxError);

/// A write was sent and nobody can tell whether the server carried it out.
pub(in crate::client) struct OutcomeUnknown {
    pub(in crate::client) method: Method,
    pub(in crate::client) cause: BoxError,
}

impl fmt::Debug for OutcomeUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutcomeUnknown({}, {:?})", self.method, self.cause)
    }
}

impl fmt::Display for OutcomeUnknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the connection was lost after a {} was sent: {}",
            self.method, self.cause
        )
    }
}

impl StdError for OutcomeUnknown {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.cause.as_ref())
    }
}

/// Says of a failed *write* whether the server may have carried it out all the same.
///
/// True when the connection was lost, or the time was over, after the request went out, and for
/// the answers 500, 502 and 504: a 504 is the API server's own deadline, a 502 a load balancer
/// that lost the API server, and a 500 may come from behind the point where the write was kept
/// (a leader change in etcd, for one). Such a write is not repeated by the client; who made it
/// reads the object back and decides. For a read the answer has no meaning.
///
/// False when nothing was sent (refused, no such host, a bad certificate) and for 429 and 503,
/// which the server gives before it begins.
#[must_use]
pub fn outcome_unknown(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 500 | 502 | 504),
        kube::Error::Service(inner) => {
            find::<OutcomeUnknown>(inner.as_ref()).is_some()
                || matches!(
                    Failure::of_error(inner.as_ref()),
                    Failure::Lost | Failure::TimedOut | Failure::TooLarge
                )
        }
        kube::Error::HyperError(inner) => !inner.is_canceled(),
        // The answer came and could not be read: the write was carried out, or not.
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => true,
        _ => false,
    }
}
