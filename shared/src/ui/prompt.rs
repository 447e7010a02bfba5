//! Questions, behind a trait so that no test needs a terminal.

use dialoguer::{Confirm, Input, Select};

use crate::error::{Error, Result};

/// Says what is wrong with an answer.
pub type Check<'a> = &'a dyn Fn(&str) -> Result<(), String>;

/// Asks the person at the terminal.
pub trait Prompter {
    /// Asks a yes/no question; no is the default.
    ///
    /// # Errors
    ///
    /// Interrupted when the person pressed Ctrl-C, failed when the terminal cannot be read.
    fn confirm(&self, question: &str) -> Result<bool>;

    /// Asks for a text until `check` finds nothing wrong with it; an empty answer is checked too.
    ///
    /// # Errors
    ///
    /// As [`Prompter::confirm`].
    fn input(&self, question: &str, check: Check<'_>) -> Result<String>;

    /// Asks for one of several, the first being the default, and returns its index.
    ///
    /// # Errors
    ///
    /// As [`Prompter::confirm`].
    fn select(&self, question: &str, choices: &[String]) -> Result<usize>;
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
            .map_err(failed)
    }

    fn input(&self, question: &str, check: Check<'_>) -> Result<String> {
        let checked = |text: &String| check(text.trim());
        Input::<String>::new()
            .with_prompt(question)
            .allow_empty(true)
            .validate_with(checked)
            .interact_text()
            .map(|text| text.trim().to_owned())
            .map_err(failed)
    }

    fn select(&self, question: &str, choices: &[String]) -> Result<usize> {
        Select::new()
            .with_prompt(question)
            .items(choices)
            .default(0)
            .interact()
            .map_err(failed)
    }
}

fn failed(error: dialoguer::Error) -> Error {
    // A question that was interrupted may have hidden the cursor; without a terminal there is none.
    let _ = dialoguer::console::Term::stderr().show_cursor();
    let dialoguer::Error::IO(source) = error;
    if source.kind() == std::io::ErrorKind::Interrupted {
        Error::interrupted()
    } else {
        Error::failed("cannot ask on this terminal").with_source(source)
    }
}
