//! Colour: an addition, never the carrier of a meaning.

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// When to color; the values of `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always, also into a pipe.
    Always,
    /// Never.
    Never,
}

impl From<ColorChoice> for anstream::ColorChoice {
    fn from(choice: ColorChoice) -> Self {
        match choice {
            ColorChoice::Auto => Self::Auto,
            ColorChoice::Always => Self::Always,
            ColorChoice::Never => Self::Never,
        }
    }
}

/// The style of `error:`.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of `Warning:`.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The style of `hint:`.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default();
/// The style of the mark before something that was done.
pub(crate) const DONE: Style = AnsiColor::Green.on_default();
