//! The frame of a run: completion, arguments, logging, Ctrl-C, exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;

use crate::client::Product;
use crate::common::Common;
use crate::complete;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::flags::{Globals, KubeArgs};
use crate::ui::{ColorChoice, Ui};

pub use crate::interrupt::Interrupt;
pub use crate::plugin::{Frame, Plugin, command};

use crate::plugin::{globals, misplaced, mistaken};

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
        Asked::Plugin(plugin, globals, kube) => {
            start_logging(globals.verbosity, &ui);
            execute(plugin, kube, &ui)
        }
        Asked::Common(common) => {
            let program = words.first().cloned().unwrap_or_default();
            common.run(&program, command::<P>(), &globals(), &ui)
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

/// What the arguments ask for.
enum Asked<P> {
    Plugin(P, Globals, Box<KubeArgs>),
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
    if let Some((own, below)) = misplaced(&command, &matches) {
        let text = format!("{own} cannot stand before the command {below:?}");
        return Err(command.error(ErrorKind::ArgumentConflict, text));
    }
    if let Some(text) = mistaken::<P>(&command, &matches) {
        return Err(command.error(ErrorKind::InvalidSubcommand, text));
    }
    let asked = match Common::asked(&matches) {
        Ok(Some(common)) => Ok(Asked::Common(common)),
        Ok(None) => plugin(&matches),
        Err(error) => Err(error),
    };
    asked.map_err(|error| error.format(&mut command))
}

fn plugin<P: Plugin>(matches: &clap::ArgMatches) -> Result<Asked<P>, clap::Error> {
    Ok(Asked::Plugin(
        P::from_arg_matches(matches)?,
        Globals::from_arg_matches(matches)?,
        Box::new(KubeArgs::from_arg_matches(matches)?),
    ))
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
        return match ui.answer_styled(|out| write!(out, "{}", text.ansi())) {
            Ok(()) => Exit::Done,
            Err(error) => error.kind().into(),
        };
    }
    ui.line(text.ansi().to_string().trim_end());
    Exit::Usage
}

fn execute<P: Plugin>(plugin: P, kube: Box<KubeArgs>, ui: &Ui) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start the runtime").with_source(error))?;
    let frame = |interrupt| Frame {
        ui: ui.clone(),
        interrupt,
        product: Product::new(P::NAME),
        kube: *kube,
    };
    let result = runtime.block_on(async {
        let (interrupt, second) = Interrupt::listen();
        // The listener begins before a question can block the only thread: Ctrl-C at the very
        // first one would end the process with the terminal as the question left it.
        tokio::task::yield_now().await;
        tokio::select! {
            result = plugin.run(frame(interrupt)) => result,
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
}
