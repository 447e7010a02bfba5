//! Questions, behind a trait so that no test needs a terminal.

use dialoguer::Confirm;

use crate::error::{Error, Result};

/// Asks the person at the terminal.
pub trait Prompter {
    /// Asks a yes/no question; no is the default.
    ///
    /// # Errors
    ///
    /// Interrupted when the person pressed Ctrl-C, failed when the terminal cannot be read.
    fn confirm(&self, question: &str) -> Result<bool>;
}

/// Asks on stderr, so that stdout stays the answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminalPrompter;

impl Prompter for TerminalPrompter {
    fn confirm(&self, question: &str) -> Result<bool> {
        Confirm::new()
            .with_prompt(question)
            .default(false)
            .interact()
            .map_err(|error| {
                let dialoguer::Error::IO(source) = error;
                if source.kind() == std::io::ErrorKind::Interrupted {
                    Error::interrupted()
                } else {
                    Error::failed("cannot ask on this terminal").with_source(source)
                }
            })
    }
}
