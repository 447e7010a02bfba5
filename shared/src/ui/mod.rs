//! The one object that all text goes through: stdout is the answer, stderr everything else.

mod color;
mod progress;
mod prompt;
mod screen;
mod term;
mod visible;

pub use color::ColorChoice;
pub use progress::Progress;
pub use prompt::{Check, Prompter, TerminalPrompter};
pub use screen::{Screen, Tone};
pub use term::Ui;
pub use visible::{visible, visible_lines};
