//! The one error type: what failed, why, and what to paste next.

use std::fmt;

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// What failed, why, and what a person can do about it.
///
/// It is shown as `error: WHAT: CAUSE`, the detail lines indented, then `hint: …`.
#[derive(Debug, thiserror::Error)]
pub struct Error {
    what: String,
    cause: Option<String>,
    details: Vec<String>,
    hint: Option<String>,
    code: u8,
}

impl Error {
    /// Makes an error that says what failed and names the thing.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cause: None,
            details: Vec::new(),
            hint: None,
            code: 1,
        }
    }

    /// Makes the error of a command line that nothing was done for (exit code 2).
    pub fn usage(what: impl Into<String>) -> Self {
        Self {
            code: 2,
            ..Self::new(what)
        }
    }

    /// Makes the error that ends a command after Ctrl-C (exit code 130).
    #[must_use]
    pub fn interrupted() -> Self {
        Self {
            code: 130,
            ..Self::new("interrupted")
        }
    }

    /// Adds why it failed.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Adds lines of evidence, such as the end of a log.
    #[must_use]
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds what to paste next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Returns the exit code this error asks for.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Returns the lines of evidence.
    #[must_use]
    pub fn evidence(&self) -> &[String] {
        &self.details
    }

    /// Tells whether a person ended the command.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.code == 130
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        for line in &self.details {
            write!(f, "\n  {line}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Says what was being done when an operation of the system failed.
pub trait Context<T> {
    /// Turns the error into one that says `what` failed.
    ///
    /// # Errors
    ///
    /// The error itself, with the words added.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::new(what()).cause(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_what_then_cause_then_evidence_then_hint() {
        let error = Error::new("cannot start etcd")
            .cause("it ended early")
            .details(["last line".to_owned()])
            .hint("cargo sandbox logs etcd");
        assert_eq!(
            error.to_string(),
            "cannot start etcd: it ended early\n  last line\nhint: cargo sandbox logs etcd"
        );
        assert_eq!((error.code(), Error::interrupted().code()), (1, 130));
    }
}
