//! The only place that touches stdout and stderr.

use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anstream::AutoStream;
use indicatif::MultiProgress;

use super::color::{self, ColorChoice};
use super::progress::Progress;
use super::prompt::{Check, Prompter, TerminalPrompter};
use super::screen::{Screen, styled};
use super::visible::{VisibleWriter, visible, visible_answer, visible_lines};
use crate::error::{Error, Kind, Result};

type Sink = Box<dyn Write + Send>;

/// Where all text goes. Cheap to clone; clones share the streams.
#[derive(Clone)]
pub struct Ui(Arc<Shared>);

struct Shared {
    /// Columns of the terminal that shows the answer.
    width: Option<usize>,
    /// Whether a terminal shows the answer; some say no width.
    terminal: bool,
    stdout: Mutex<Answers>,
    stderr: Mutex<Sink>,
    bars: Option<MultiProgress>,
    prompter: Option<Box<dyn Prompter + Send + Sync>>,
}

/// Where the answer goes.
struct Answers {
    /// Takes color out where it is not wanted, which looks at every byte.
    styled: Sink,
    /// The same stream as it is, for text that cannot hold color.
    plain: Option<Sink>,
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
            width: Screen::keep(color).width,
            terminal: io::stdout().is_terminal(),
            stdout: Mutex::new(Answers {
                styled: Box::new(AutoStream::new(io::stdout(), color.into())),
                plain: Some(Box::new(io::stdout())),
            }),
            stderr: Mutex::new(Box::new(AutoStream::new(io::stderr(), color.into()))),
            bars: stderr_is_terminal.then(MultiProgress::new),
            prompter: interactive.then(|| Box::new(TerminalPrompter) as _),
        }))
    }

    /// Returns an object that writes into the given sinks, without color and without a terminal.
    #[must_use]
    pub fn into_sinks(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
        prompter: Option<Box<dyn Prompter + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Shared {
            width: None,
            terminal: false,
            stdout: Mutex::new(Answers {
                styled: Box::new(anstream::StripStream::new(Box::new(stdout) as Sink)),
                plain: None,
            }),
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

    /// Returns how many columns the terminal has that shows the answer; `None` when the answer
    /// goes elsewhere, so that nothing has to fit.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        self.0.width
    }

    /// Writes a part of the answer to stdout, as given.
    ///
    /// # Errors
    ///
    /// [`Kind::ClosedPipe`] when the reader went away; the run then ends quietly.
    pub fn answer(&self, text: impl Display) -> Result<()> {
        if Screen::get().color {
            let text = text.to_string();
            let text = if self.0.terminal {
                visible_answer(&text)
            } else {
                text.into()
            };
            return self.answer_styled(|out| out.write_all(styled(&text).as_bytes()));
        }
        self.answer_with(|out| write!(out, "{text}"))
    }

    /// Writes a part of the answer to stdout as `write` makes it, so that an answer of many
    /// megabytes never has to be in memory as a whole. On a terminal, what it would obey is made
    /// visible.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn answer_with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
        if !self.0.terminal {
            return self.answer_styled(write);
        }
        self.answer_styled(|out| {
            let mut shown = VisibleWriter::new(out);
            write(&mut shown)?;
            shown.finish()
        })
    }

    /// Writes text of our own to stdout, with its color: help.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub(crate) fn answer_styled(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let answer = || {
            let mut answers = lock(&self.0.stdout);
            let gate = Gate {
                answers: &mut answers,
                styled: false,
            };
            let mut out = BufWriter::with_capacity(CHUNK, gate);
            write(&mut out)?;
            out.flush()
        };
        self.suspend(answer).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Error::closed_pipe(),
            _ => Error::failed("cannot write to stdout").with_source(error),
        })
    }

    /// Writes an answer on the terminal in the place of its last `lines` lines; elsewhere below them.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn answer_over(&self, lines: usize, text: impl Display) -> Result<()> {
        if self.0.width.is_none() || lines == 0 {
            return self.answer(text);
        }
        let erase = || {
            let mut answers = lock(&self.0.stdout);
            let Answers { styled, plain } = &mut *answers;
            // Not color, so it is not taken out with it.
            let out = plain.as_mut().unwrap_or(styled);
            write!(out, "\x1b[{lines}A\r\x1b[J")?;
            out.flush()
        };
        let erased: io::Result<()> = self.suspend(erase);
        erased.map_err(|error| Error::failed("cannot write to stdout").with_source(error))?;
        self.answer(text)
    }

    /// Writes a line to stderr; what a terminal would obey is made visible.
    pub fn status(&self, line: impl Display) {
        self.line(visible_lines(&line.to_string()));
    }

    /// Writes a line with our own color to stderr.
    pub(crate) fn line(&self, line: impl Display) {
        self.suspend(|| {
            // Nobody is left to tell when stderr is gone.
            let _ = writeln!(lock(&self.0.stderr), "{line}");
        });
    }

    /// Writes `✔ what   detail` to stderr: something was done.
    pub fn done(&self, what: impl Display, detail: impl Display) {
        let what = what.to_string();
        let detail = detail.to_string();
        let line = format!("{what:<34}   {detail}");
        self.line(format_args!(
            "{}✔{} {}",
            color::DONE,
            color::DONE.render_reset(),
            visible(line.trim_end())
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
        Progress::start(self.0.bars.as_ref(), visible(&message.into()).into_owned())
    }

    /// Starts a bar that counts to `length`; without a terminal it is silent.
    #[must_use]
    pub fn bar(&self, message: impl Into<String>, length: u64) -> Progress {
        Progress::bar(
            self.0.bars.as_ref(),
            visible(&message.into()).into_owned(),
            length,
        )
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
            .map_err(|error| error.with_hint("pass --yes to answer yes without a prompt"))?;
        self.suspend(|| prompter.confirm(&visible_lines(question)))
    }

    /// Asks for a text on the terminal until `check` finds nothing wrong with it.
    ///
    /// # Errors
    ///
    /// Usage when there is no terminal; what the [`Prompter`] says otherwise.
    pub fn input(&self, question: &str, check: Check<'_>) -> Result<String> {
        let prompter = self.asks(question)?;
        self.suspend(|| prompter.input(&visible_lines(question), check))
    }

    /// Asks for one of several on the terminal, the first being the default; returns its index.
    ///
    /// # Errors
    ///
    /// Usage when there is no terminal; what the [`Prompter`] says otherwise.
    pub fn select(&self, question: &str, choices: &[String]) -> Result<usize> {
        let prompter = self.asks(question)?;
        let shown: Vec<String> = choices
            .iter()
            .map(|choice| visible(choice).into_owned())
            .collect();
        self.suspend(|| prompter.select(&visible_lines(question), &shown))
    }

    fn asks(&self, question: &str) -> Result<&(dyn Prompter + Send + Sync)> {
        self.0
            .prompter
            .as_deref()
            .ok_or_else(|| Error::usage(format!("cannot prompt \"{question}\": not a terminal")))
    }

    /// Returns a writer for log lines, which go to stderr.
    pub(crate) fn log(&self) -> LogWriter {
        LogWriter {
            ui: self.clone(),
            line: Vec::new(),
        }
    }

    fn labelled(&self, style: anstyle::Style, label: &str, text: impl Display) {
        self.line(format_args!(
            "{style}{label}:{} {}",
            style.render_reset(),
            visible_lines(&text.to_string())
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

/// How much of an answer is written at once, in bytes.
const CHUNK: usize = 1 << 16;

/// Sends what holds no control characters past the search for color, which took a fifth of the
/// processor time of `can-i-audit risks -o json` (33 MB: 0.32 s with it, 0.26 s without). Once something holds one,
/// everything after it is searched too, because a sequence may go over the end of a part.
struct Gate<'a> {
    answers: &'a mut Answers,
    styled: bool,
}

impl Write for Gate<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.styled = self.styled || !is_plain(bytes);
        match &mut self.answers.plain {
            Some(plain) if !self.styled => plain.write(bytes),
            _ => self.answers.styled.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(plain) = &mut self.answers.plain {
            plain.flush()?;
        }
        self.answers.styled.flush()
    }
}

/// Says whether nothing would be taken out of the text.
fn is_plain(bytes: &[u8]) -> bool {
    // Without an early end the compiler looks at many bytes at once.
    !bytes.iter().fold(false, |found, byte| {
        let blank = matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r');
        found | (*byte == 0x7f) | ((*byte < b' ') & !blank)
    })
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

fn lock<T>(sink: &Mutex<T>) -> MutexGuard<'_, T> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes into two lists, to see which way something went.
    fn two_ways(parts: &[&str]) -> (String, String) {
        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                lock(&self.0).extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (plain, styled) = (Kept::default(), Kept::default());
        let mut answers = Answers {
            styled: Box::new(anstream::StripStream::new(Box::new(styled.clone()) as Sink)),
            plain: Some(Box::new(plain.clone())),
        };
        let mut gate = Gate {
            answers: &mut answers,
            styled: false,
        };
        for part in parts {
            gate.write_all(part.as_bytes()).unwrap();
        }
        let text = |kept: Kept| String::from_utf8(lock(&kept.0).clone()).unwrap();
        (text(plain), text(styled))
    }

    #[test]
    fn plain_text_is_not_searched_for_color_and_the_rest_is_even_in_parts() {
        let pure = "NAME   TEAM\n山田\tx\r\n";
        assert_eq!(two_ways(&[pure]), (pure.to_owned(), String::new()));
        let parts = ["a\n", "b \u{1b}[3", "1mred", " c\n"];
        assert_eq!(two_ways(&parts), ("a\n".to_owned(), "b red c\n".to_owned()));
    }

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
