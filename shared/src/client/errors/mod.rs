//! kube's errors in kubectl's words, each text once.

use std::error::Error as StdError;
use std::fmt;

use super::layers::{OutcomeUnknown, find};
use crate::error::{Error, Kind};

mod api;
mod denied;
mod reach;

/// What was being done when an error came, for the messages that do not say it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doing {
    /// The verb as RBAC knows it: `get`, `create`, `patch`, …
    pub verb: &'static str,
    /// The resource with its group: `namespaces`, `rolebindings.rbac.authorization.k8s.io`.
    pub resource: &'static str,
    /// The subresource, such as `approval`.
    pub subresource: Option<&'static str>,
    /// The name of the object, if it is about one.
    pub name: Option<String>,
    /// The namespace; `None` is cluster-wide.
    pub namespace: Option<String>,
}

impl Doing {
    /// Returns a description of doing something cluster-wide.
    #[must_use]
    pub fn new(verb: &'static str, resource: &'static str) -> Self {
        Self {
            verb,
            resource,
            ..Self::default()
        }
    }

    /// Adds the subresource.
    #[must_use]
    #[expect(
        clippy::should_implement_trait,
        reason = "nobody subtracts from what is being done"
    )]
    pub fn sub(self, subresource: &'static str) -> Self {
        Self {
            subresource: Some(subresource),
            ..self
        }
    }

    /// Adds the name of the object.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// Adds the namespace.
    #[must_use]
    pub fn within(self, namespace: impl Into<String>) -> Self {
        Self {
            namespace: Some(namespace.into()),
            ..self
        }
    }
}

impl fmt::Display for Doing {
    /// Prints `create rolebindings.rbac.authorization.k8s.io "alice" in namespace "alice"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(subresource) = self.subresource {
            write!(f, "/{subresource}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        if let Some(namespace) = &self.namespace {
            write!(f, " in namespace \"{namespace}\"")?;
        }
        Ok(())
    }
}

/// Turns an error of kube's client into one for people: kubectl's wording, the cause once, and
/// hints that can be pasted.
///
/// The kind is conflict for 409, timed out for 408, 504 and an attempt that took too long,
/// incomplete for a write of which nobody knows whether it was carried out, else failed.
#[must_use]
pub fn explain(error: kube::Error, doing: &Doing) -> Error {
    match error {
        kube::Error::Api(status) => api::explain(&status, doing),
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

/// Returns an error with its causes, each text once.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
