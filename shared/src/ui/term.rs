//! The only place that touches stdout and stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::AutoStream;
use indicatif::MultiProgress;

use super::color::{self, ColorChoice};
use super::progress::Progress;
use super::prompt::{Check, Prompter, TerminalPrompter};
use crate::error::{Error, Kind, Result};

type Sink = Box<dyn Write + Send>;

/// Where all text goes. Cheap to clone; clones share the streams.
#[derive(Clone)]
pub struct Ui(Arc<Shared>);

struct Shared {
    stdout: Mutex<Sink>,
    stderr: Mutex<Sink>,
    bars: Option<MultiProgress>,
    prompter: Option<Box<dyn Prompter + Send + Sync>>,
}

impl std::fmt::Debug for Ui {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ui")
            .field("interactive", &self.is_interactive())
            .finish_non_exhaustive()
    }
}

impl Ui {
    /// Returns the object for the process's own streams.
    ///
    /// Prompts need stdin and stderr to be terminals, progress needs stderr to be one.
    #[must_use]
    pub fn new(color: ColorChoice) -> Self {
        let stderr_is_terminal = io::stderr().is_terminal();
        let interactive = stderr_is_terminal && io::stdin().is_terminal();
        Self(Arc::new(Shared {
            stdout: Mutex::new(Box::new(AutoStream::new(io::stdout(), color.into()))),
            stderr: Mutex::new(Box::new(AutoStream::new(io::stderr(), color.into()))),
            bars: stderr_is_terminal.then(MultiProgress::new),
            prompter: interactive.then(|| Box::new(TerminalPrompter) as _),
        }))
    }

    /// Returns an object that writes into the given sinks, without colour and without a terminal.
    #[must_use]
    pub fn into_sinks(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
        prompter: Option<Box<dyn Prompter + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Shared {
            stdout: Mutex::new(Box::new(anstream::StripStream::new(
                Box::new(stdout) as Sink
            ))),
            stderr: Mutex::new(Box::new(anstream::StripStream::new(
                Box::new(stderr) as Sink
            ))),
            bars: None,
            prompter,
        }))
    }

    /// Returns whether a question can be asked.
    #[must_use]
    pub fn is_interactive(&self) -> bool {
        self.0.prompter.is_some()
    }

    /// Writes a part of the answer to stdout, as given.
    ///
    /// # Errors
    ///
    /// [`Kind::ClosedPipe`] when the reader went away; the run then ends quietly.
    pub fn answer(&self, text: impl Display) -> Result<()> {
        let write = || {
            let mut stdout = lock(&self.0.stdout);
            write!(stdout, "{text}")?;
            stdout.flush()
        };
        self.suspend(write).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::closed_pipe(),
            _ => Error::failed("cannot write to stdout").with_source(error),
        })
    }

    /// Writes a line to stderr.
    pub fn status(&self, line: impl Display) {
        self.suspend(|| {
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(lock(&self.0.stderr), "{line}");
        });
    }

    /// Writes `✔ what   detail` to stderr: something was done.
    pub fn done(&self, what: impl Display, detail: impl Display) {
        let what = what.to_string();
        let detail = detail.to_string();
        let line = format!("{what:<36} {detail}");
        self.status(format_args!(
            "{}✔{} {}",
            color::DONE,
            color::DONE.render_reset(),
            line.trim_end()
        ));
    }

    /// Writes `Warning: …` to stderr, as kubectl does.
    pub fn warning(&self, text: impl Display) {
        self.labelled(color::WARNING, "Warning", text);
    }

    /// Writes `hint: …` to stderr.
    pub fn hint(&self, text: impl Display) {
        self.labelled(color::HINT, "hint", text);
    }

    /// Writes an error with its details and hints to stderr.
    pub fn error(&self, error: &Error) {
        if error.kind() == Kind::ClosedPipe {
            return;
        }
        let headline = error.headline();
        match headline.strip_prefix("error: ") {
            Some(rest) => self.labelled(color::ERROR, "error", rest),
            None => self.status(&headline),
        }
        for detail in error.details() {
            self.status(format_args!("  {detail}"));
        }
        for hint in error.hints() {
            self.hint(hint);
        }
    }

    /// Starts a spinner; without a terminal it is silent.
    #[must_use]
    pub fn progress(&self, message: impl Into<String>) -> Progress {
        Progress::start(self.0.bars.as_ref(), message.into())
    }

    /// Starts a bar that counts to `length`; without a terminal it is silent.
    #[must_use]
    pub fn bar(&self, message: impl Into<String>, length: u64) -> Progress {
        Progress::bar(self.0.bars.as_ref(), message.into(), length)
    }

    /// Returns an object that says and asks nothing, for one of many that are done at once.
    #[must_use]
    pub fn muted(&self) -> Self {
        Self::into_sinks(io::sink(), io::sink(), None)
    }

    /// Asks a yes/no question on the terminal.
    ///
    /// # Errors
    ///
    /// Usage when there is no terminal; what the [`Prompter`] says otherwise.
    pub fn confirm(&self, question: &str) -> Result<bool> {
        let prompter = self
            .asks(question)
            .map_err(|error| error.with_hint("pass --yes to go on without being asked"))?;
        self.suspend(|| prompter.confirm(question))
    }

    /// Asks for a text on the terminal until `check` finds nothing wrong with it.
    ///
    /// # Errors
    ///
    /// Usage when there is no terminal; what the [`Prompter`] says otherwise.
    pub fn input(&self, question: &str, check: Check<'_>) -> Result<String> {
        let prompter = self.asks(question)?;
        self.suspend(|| prompter.input(question, check))
    }

    /// Asks for one of several on the terminal, the first being the default; returns its index.
    ///
    /// # Errors
    ///
    /// Usage when there is no terminal; what the [`Prompter`] says otherwise.
    pub fn select(&self, question: &str, choices: &[String]) -> Result<usize> {
        let prompter = self.asks(question)?;
        self.suspend(|| prompter.select(question, choices))
    }

    fn asks(&self, question: &str) -> Result<&(dyn Prompter + Send + Sync)> {
        self.0
            .prompter
            .as_deref()
            .ok_or_else(|| Error::usage(format!("cannot ask \"{question}\" without a terminal")))
    }

    /// Returns a writer for log lines, which go to stderr.
    pub(crate) fn log(&self) -> LogWriter {
        LogWriter {
            ui: self.clone(),
            line: Vec::new(),
        }
    }

    fn labelled(&self, style: anstyle::Style, label: &str, text: impl Display) {
        self.status(format_args!(
            "{style}{label}:{} {text}",
            style.render_reset()
        ));
    }

    /// Runs `write` with the spinners out of the way.
    fn suspend<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Collects one log event and shows it like any other line.
pub(crate) struct LogWriter {
    ui: Ui,
    line: Vec<u8>,
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        if !text.is_empty() {
            self.ui.status(text.trim_end());
        }
    }
}

fn lock(sink: &Mutex<Sink>) -> MutexGuard<'_, Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_every_question_is_a_usage_error_that_names_it() {
        let ui = Ui::into_sinks(io::sink(), io::sink(), None);
        let choices = ["a".to_owned()];
        for error in [
            ui.confirm("Sure?").map(drop),
            ui.input("Sure?", &|_| Ok(())).map(drop),
            ui.select("Sure?", &choices).map(drop),
        ]
        .map(Result::err)
        {
            let error = error.map(|error| (error.kind(), error.to_string()));
            assert!(
                matches!(&error, Some((Kind::Usage, text)) if text.contains("Sure?")),
                "{error:?}"
            );
        }
    }
}
