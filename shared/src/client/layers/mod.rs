//! The layers around kube's HTTP stack.
//!
//! From the outside in: [`retry`] decides whether a request is made again, a buffer makes the
//! stack cloneable, [`attempt`] makes one attempt (count, trace, timeout, warnings, complete
//! body), and kube's own stack adds credentials, impersonation and the User-Agent.

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use tower::buffer::Buffer;
use tower::layer::layer_fn;
use tower::retry::Retry;
use tower::{BoxError, Service};

use crate::ui::Ui;

mod attempt;
mod counters;
mod failure;
mod retry;
mod token_file;
mod trace;
mod warnings;

pub(super) use counters::{Counters, Place};
pub use failure::outcome_unknown;
pub(super) use failure::{AnswerTooLarge, Failed, OutcomeUnknown, TimedOut, find, io_kind};
pub(super) use token_file::TokenFile;

/// Builds kube's client with our layers around its stack.
pub(super) fn client(
    config: kube::Config,
    token: Option<TokenFile>,
    place: Place,
    counters: &Counters,
    ui: &Ui,
) -> kube::Result<kube::Client> {
    let layer = layer_fn(|inner| {
        let file = token.clone();
        around(
            token_file::WithToken { inner, file },
            place.clone(),
            counters,
            ui,
        )
    });
    Ok(ClientBuilder::try_from(config)?.with_layer(&layer).build())
}

/// Puts our layers around a stack; apart so that tests can put them around their own.
fn around<S, B>(
    inner: S,
    place: Place,
    counters: &Counters,
    ui: &Ui,
) -> impl Service<
    Request<Body>,
    Response = Response<attempt::Settled<B>>,
    Error = BoxError,
    Future: Send,
> + Send
+ use<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = bytes::Bytes, Error = BoxError> + Send + Unpin + 'static,
{
    let attempt = attempt::Attempt::new(inner, place, counters.clone(), ui.clone());
    // kube's stack cannot be cloned, and every retry needs one; a handful of requests at a time
    // is all that a command for people makes.
    let cloneable = Buffer::new(attempt, 64);
    Retry::new(retry::Policy::new(ui.clone()), cloneable)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
