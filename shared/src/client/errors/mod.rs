//! kube's errors in kubectl's words, each text once.

use std::error::Error as StdError;

use super::layers::{OutcomeUnknown, find};
use crate::error::{Error, Kind};

mod api;
mod denied;
pub(super) mod doing;
mod reach;
mod status;

pub use doing::Doing;
pub use status::{is_conflict, is_forbidden, is_not_found, status};

use reach::chain;

/// Returns what explains an error of doing something to a thing that has no type here: a path such
/// as `/apis`, or objects whose kind is known only by its name.
///
/// ```text
/// client.list_api_groups().await.map_err(failed("get", "/apis"))?
/// ```
pub fn failed(verb: &'static str, what: impl Into<String>) -> impl Fn(kube::Error) -> Error {
    let doing = Doing::new(verb, what.into());
    move |error| explain(error, &doing)
}

/// Turns an error of kube's client into one for people: kubectl's wording, the cause once, and
/// hints that can be pasted.
///
/// The kind is conflict for 409, timed out for 408, 504 and an attempt that took too long,
/// incomplete for a write of which nobody knows whether it was carried out, else failed.
#[must_use]
pub fn explain(error: kube::Error, doing: &Doing) -> Error {
    match error {
        kube::Error::Api(status) => api::explain(&status, doing).with_answer(status.code),
        kube::Error::Service(source) => unanswered(source.as_ref(), doing),
        kube::Error::HyperError(source) => unanswered(&source, doing),
        kube::Error::SerdeError(source) => Error::failed("the server's answer cannot be read")
            .with_source(source)
            .context(doing),
        other => Error::failed(chain(&other)).context(doing),
    }
}

fn unanswered(source: &(dyn StdError + 'static), doing: &Doing) -> Error {
    if let Some(unknown) = find::<OutcomeUnknown>(source) {
        let cause = reach::cause(unknown.cause.as_ref());
        return Error::new(
            Kind::Incomplete,
            format!("no answer to a {} that was sent: {cause}", unknown.method),
        )
        .with_detail(format!("while: {doing}"))
        .with_detail("the server may have carried it out, or not")
        .with_hint("run the same command again: it looks at what is there first");
    }
    reach::explain(source, doing)
}

#[cfg(test)]
mod tests;
