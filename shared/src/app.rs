//! The frame of a run: completion, arguments, logging, Ctrl-C, exit code.

use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use tokio::sync::watch;

use crate::common::Common;
use crate::complete;
use crate::error::{Error, Kind, Result};
use crate::exit::Exit;
use crate::flags::Globals;
use crate::ui::{ColorChoice, Ui};

/// A kubectl plugin: clap's struct with what the frame needs to know.
pub trait Plugin: CommandFactory + FromArgMatches {
    /// The word after `kubectl`, with dashes.
    const NAME: &'static str;

    /// Returns the flags that concern the frame itself.
    fn globals(&self) -> &Globals;

    /// Does the work.
    ///
    /// Once [`Interrupt`] fires, the plugin brings the state to a safe point and returns;
    /// a second Ctrl-C ends the process at once.
    fn run(self, ui: Ui, interrupt: Interrupt) -> impl Future<Output = Result<Exit>>;
}

/// Runs a plugin from the process's arguments to its exit code.
pub fn run<P: Plugin>() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if words.first().is_some_and(complete::is_asked) {
        return complete::answer::<P>(words).into();
    }
    let color = color_choice(&words);
    let ui = Ui::new(color);
    let asked = match parse::<P>(&words, color) {
        Ok(asked) => asked,
        Err(error) => return finish_early(&ui, &error).into(),
    };
    let result = match asked {
        Asked::Plugin(plugin) => {
            start_logging(plugin.globals().verbosity, &ui);
            execute(plugin, &ui)
        }
        Asked::Common(common) => {
            let program = words.first().cloned().unwrap_or_default();
            common.run(&program, command::<P>(), &ui)
        }
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(error) => {
            ui.error(&error);
            error.kind().into()
        }
    };
    exit.into()
}

/// Returns clap's command under the name that people type, `kubectl <plugin>`; its own name is the
/// binary's, which kubectl looks for with underscores instead of dashes.
pub fn command<P: Plugin>() -> clap::Command {
    Common::join(P::command())
        .name(format!("kubectl-{}", P::NAME.replace('-', "_")))
        .bin_name(format!("kubectl {}", P::NAME))
}

/// What the arguments ask for.
enum Asked<P> {
    Plugin(P),
    Common(Common),
}

fn parse<P: Plugin>(words: &[OsString], color: ColorChoice) -> Result<Asked<P>, clap::Error> {
    let color = match color {
        ColorChoice::Auto => clap::ColorChoice::Auto,
        ColorChoice::Always => clap::ColorChoice::Always,
        ColorChoice::Never => clap::ColorChoice::Never,
    };
    let mut command = command::<P>().color(color);
    let matches = command.try_get_matches_from_mut(words)?;
    let asked = match Common::asked(&matches) {
        Ok(Some(common)) => Ok(Asked::Common(common)),
        Ok(None) => P::from_arg_matches(&matches).map(Asked::Plugin),
        Err(error) => Err(error),
    };
    asked.map_err(|error| error.format(&mut command))
}

/// Finds `--color` before clap reads the rest, because clap's own messages obey it too.
fn color_choice(words: &[OsString]) -> ColorChoice {
    let mut words = words.iter().map(|word| word.to_string_lossy()).skip(1);
    let mut choice = ColorChoice::Auto;
    while let Some(word) = words.next() {
        let value = match word.as_ref() {
            "--" => break,
            "--color" => words.next(),
            _ => word
                .strip_prefix("--color=")
                .map(|value| value.to_owned().into()),
        };
        if let Some(value) = value
            && let Ok(value) = clap::ValueEnum::from_str(&value, false)
        {
            choice = value;
        }
    }
    choice
}

/// Shows help and version on stdout, usage errors on stderr.
fn finish_early(ui: &Ui, error: &clap::Error) -> Exit {
    let text = error.render();
    if !error.use_stderr() {
        return match ui.answer(text.ansi()) {
            Ok(()) => Exit::Done,
            Err(error) => error.kind().into(),
        };
    }
    ui.status(text.ansi().to_string().trim_end());
    Exit::Usage
}

fn execute<P: Plugin>(plugin: P, ui: &Ui) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start the runtime").with_source(error))?;
    let result = runtime.block_on(async {
        let (interrupt, second) = Interrupt::listen();
        // The listener begins before a question can block the only thread: Ctrl-C at the very
        // first one would end the process with the terminal as the question left it.
        tokio::task::yield_now().await;
        tokio::select! {
            result = plugin.run(ui.clone(), interrupt) => result,
            () = second => Err(Error::interrupted()),
        }
    });
    // A blocked name lookup must not hold up the end of the process.
    runtime.shutdown_background();
    result
}

/// `-v N` as kubectl's users know it: 6 shows requests, 8 and more everything.
fn start_logging(verbosity: u8, ui: &Ui) {
    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let level = match verbosity {
        0 => return,
        1..=3 => LevelFilter::WARN,
        4..=5 => LevelFilter::INFO,
        6..=7 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Other crates' logs may carry headers; only our own are known to carry no credential.
    let targets = Targets::new()
        .with_target("groundcrew", level)
        .with_target("kubectl", level);
    let ui = ui.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(move || ui.log());
    // Fails only when a subscriber is there already, as in a test.
    let _ = tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init();
}

/// Tells the plugin that the user pressed Ctrl-C (or the process was asked to terminate).
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Starts to listen; the second value completes at the second signal.
    fn listen() -> (Self, impl Future<Output = ()>) {
        let (sender, receiver) = watch::channel(false);
        let (again, second) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            signal().await;
            sender.send_replace(true);
            signal().await;
            // The run is over when nobody listens any more.
            let _ = again.send(());
            sender.closed().await;
        });
        let second = async move {
            if second.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        (Self(receiver), second)
    }

    /// Returns one that never fires, for runs without a terminal such as tests.
    #[must_use]
    pub fn never() -> Self {
        let (sender, receiver) = watch::channel(false);
        drop(sender);
        Self(receiver)
    }

    /// Returns whether it has fired.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when it fires.
    pub async fn fired(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|set| *set).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Runs a future that may be given up at any point, such as reading or waiting.
    ///
    /// # Errors
    ///
    /// [`Kind::Interrupted`] when Ctrl-C comes first, else what the future returns.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.fired() => Err(Error::new(Kind::Interrupted, "interrupted")),
            result = work => result,
        }
    }
}

/// Waits for Ctrl-C or, on Unix, SIGTERM.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the system's default ends the process, which is right as well.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns the file name without directory and `.exe`.
pub(crate) fn stem(program: &OsStr) -> String {
    Path::new(program)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_last_color_before_a_double_dash_counts() {
        assert_eq!(
            color_choice(&words("p --color never --color=always")),
            ColorChoice::Always
        );
        assert_eq!(
            color_choice(&words("p -- --color=always")),
            ColorChoice::Auto
        );
        assert_eq!(color_choice(&words("p --color=pink")), ColorChoice::Auto);
    }

    #[tokio::test]
    async fn an_interrupt_that_never_fires_lets_the_work_finish() {
        let done = Interrupt::never().guard(async { Ok(7) }).await;
        assert_eq!(done.ok(), Some(7));
    }

    #[tokio::test]
    async fn an_interrupt_ends_guarded_work_with_its_own_kind() {
        let (sender, receiver) = watch::channel(false);
        let interrupt = Interrupt(receiver);
        sender.send_replace(true);
        let error = interrupt
            .guard(std::future::pending::<Result<()>>())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
    }
}
