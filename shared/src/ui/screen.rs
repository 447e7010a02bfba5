//! What the stream of the answer can show: how wide it is, and whether in color.

use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};

use super::color::ColorChoice;

/// What the stream of the answer can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Columns of the terminal; `None` when the answer goes elsewhere, where nothing has to fit.
    pub width: Option<usize>,
    /// Whether color is wanted.
    pub color: bool,
}

/// One process has one stdout. A table is rendered far from the object that writes it.
static SCREEN: OnceLock<Screen> = OnceLock::new();

impl Screen {
    /// Returns the screen of this process; one that shows everything plain until there is one.
    #[must_use]
    pub fn get() -> Self {
        SCREEN.get().copied().unwrap_or_default()
    }

    /// Looks at stdout and keeps what it is for [`get`](Self::get).
    pub(super) fn keep(choice: ColorChoice) -> Self {
        let width = terminal_size::terminal_size_of(io::stdout());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                io::stdout().is_terminal()
                    && anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
            }
        };
        let screen = Self {
            width: width.map(|(width, _)| usize::from(width.0)),
            color,
        };
        *SCREEN.get_or_init(|| screen)
    }
}

/// How good a word is; color says it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something is wrong.
    Bad,
    /// Someone should look at it.
    Fair,
    /// As it should be.
    Good,
}

/// Ends a tone. Tags of Unicode, which have no width, stand for color until the text is written: no
/// text that comes from elsewhere can hold them, since [`visible`](super::visible()) shows them as
/// escapes.
const END: char = '\u{e0004}';

impl Tone {
    const ALL: [Self; 3] = [Self::Bad, Self::Fair, Self::Good];

    fn mark(self) -> char {
        match self {
            Self::Bad => '\u{e0001}',
            Self::Fair => '\u{e0002}',
            Self::Good => '\u{e0003}',
        }
    }

    fn style(self) -> Style {
        let color = match self {
            Self::Bad => AnsiColor::Red,
            Self::Fair => AnsiColor::Yellow,
            Self::Good => AnsiColor::Green,
        };
        color.on_default()
    }

    /// Returns a text in this tone, for [`styled`].
    pub(crate) fn paint(self, text: &str) -> String {
        format!("{}{text}{END}", self.mark())
    }
}

/// Says whether a letter stands for color.
pub(super) fn is_mark(letter: char) -> bool {
    letter == END || Tone::ALL.iter().any(|tone| tone.mark() == letter)
}

/// Puts color in the place of what stands for it.
pub(super) fn styled(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match Tone::ALL.iter().find(|tone| tone.mark() == letter) {
            Some(tone) => shown.push_str(&tone.style().render().to_string()),
            None if letter == END => shown.push_str(&anstyle::Reset.render().to_string()),
            None => shown.push(letter),
        }
    }
    shown
}
