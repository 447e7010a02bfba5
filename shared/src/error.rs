//! Errors as people meet them: what failed, why, and what to do next.

use std::error::Error as StdError;
use std::fmt;

use crate::exit::Exit;

/// What sort of end an error is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server, the configuration or the credentials refused.
    Failed,
    /// The command line cannot be carried out as given; nothing was done.
    Usage,
    /// Not everything could be seen, so nothing is claimed.
    Incomplete,
    /// Somebody else holds the object or changed it.
    Conflict,
    /// A deadline passed; the state is safe.
    TimedOut,
    /// The user interrupted; the state is safe.
    Interrupted,
    /// The reader of stdout went away, which is not a failure.
    ClosedPipe,
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Failed => Self::Failed,
            Kind::Usage => Self::Usage,
            Kind::Incomplete => Self::Incomplete,
            Kind::Conflict => Self::Conflict,
            Kind::TimedOut => Self::TimedOut,
            Kind::Interrupted => Self::Interrupted,
            Kind::ClosedPipe => Self::Done,
        }
    }
}

/// An error with a kind, a cause and hints.
///
/// The first line is `error: <message>`, or the message alone when it is already in kubectl's
/// wording for a server error (`Error from server (Forbidden): …`). Details follow, indented;
/// hints come last, each a thing to paste.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    verbatim: bool,
    details: Vec<String>,
    hints: Vec<String>,
    answer: Option<u16>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of everything that can end a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Returns an error of `kind`; `message` starts in lower case and has no full stop.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            verbatim: false,
            details: Vec::new(),
            hints: Vec::new(),
            answer: None,
            source: None,
        }))
    }

    /// Returns a plain failure (exit 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Returns a usage error (exit 2); only before anything was done.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Returns a conflict (exit 5).
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// Returns a timeout (exit 124).
    pub fn timed_out(message: impl Into<String>) -> Self {
        Self::new(Kind::TimedOut, message)
    }

    /// Returns the end of a run that the user interrupted (exit 130).
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// Returns the end of a run whose reader went away (exit 0, nothing printed).
    #[must_use]
    pub fn closed_pipe() -> Self {
        Self::new(Kind::ClosedPipe, "stdout was closed")
    }

    /// Marks the message as complete: it is printed without the `error: ` prefix.
    #[must_use]
    pub fn verbatim(mut self) -> Self {
        self.0.verbatim = true;
        self
    }

    /// Adds an indented line below the message.
    #[must_use]
    pub fn with_detail(mut self, line: impl Into<String>) -> Self {
        self.0.details.push(line.into());
        self
    }

    /// Adds a hint: what to do next, ideally something to paste.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Keeps the cause, whose text is appended to the message unless it repeats it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Keeps the HTTP status with which the API server refused.
    #[must_use]
    pub(crate) fn with_answer(mut self, code: u16) -> Self {
        self.0.answer = Some(code);
        self
    }

    /// Returns the HTTP status with which the API server refused, if it was the server.
    #[must_use]
    pub fn answer(&self) -> Option<u16> {
        self.0.answer
    }

    /// Says whether the API server refused it for want of a right, or by admission (403).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.0.answer == Some(403)
    }

    /// Says whether the object, its namespace or its kind does not exist (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.answer == Some(404)
    }

    /// Says whether the object exists already, or was changed in the meantime (409).
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.0.answer == Some(409)
    }

    /// Puts what was being done before the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        if !self.0.verbatim {
            self.0.message = format!("{context}: {}", self.0.message);
        } else {
            self.0.details.insert(0, format!("while: {context}"));
        }
        self
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the hints in the order they were added.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }

    /// Returns the indented lines in the order they were added.
    #[must_use]
    pub fn details(&self) -> &[String] {
        &self.0.details
    }

    /// Returns the first line as it is shown, cause included, each text once.
    #[must_use]
    pub fn headline(&self) -> String {
        let mut line = if self.0.verbatim {
            String::new()
        } else {
            "error: ".to_owned()
        } + &self.0.message;
        let mut cause = self
            .0
            .source
            .as_deref()
            .map(|source| source as &dyn StdError);
        while let Some(source) = cause {
            let text = source.to_string();
            // Many libraries print their own cause; saying it twice helps nobody.
            if !text.is_empty() && !line.contains(&text) {
                line.push_str(": ");
                line.push_str(&text);
            }
            cause = source.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("details", &self.0.details)
            .field("hints", &self.0.hints)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: inner")]
    struct Outer(#[source] Inner2);

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner2;

    #[test]
    fn a_cause_that_its_parent_already_prints_is_said_once() {
        let error = Error::failed("cannot read a.yaml").with_source(Outer(Inner2));
        assert_eq!(error.headline(), "error: cannot read a.yaml: outer: inner");
    }

    #[test]
    fn a_server_error_keeps_the_wording_of_kubectl() {
        let error = Error::failed("Error from server (NotFound): namespaces \"a\" not found");
        assert!(
            error
                .verbatim()
                .headline()
                .starts_with("Error from server (NotFound): ")
        );
    }

    #[test]
    fn a_closed_pipe_is_not_a_failure() {
        assert_eq!(Exit::from(Error::closed_pipe().kind()), Exit::Done);
    }
}
