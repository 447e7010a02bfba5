//! What a terminal obeys and does not show, made visible.
//!
//! Names, annotations, events and messages are written by others. Shown as they are, they could
//! move the cursor, set the clipboard, forge lines, or turn text around.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::screen::is_mark;

/// Returns text for a cell or a line: control characters, line ends, and what reorders or hides
/// text, each as an escape.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// Returns text of several lines; line ends and tabs stay.
#[must_use]
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        !matches!(letter, '\n' | '\t') && is_hidden(letter)
    })
}

/// Returns an answer as a terminal shows it; what stands for color stays.
#[must_use]
pub(super) fn visible_answer(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| {
        !matches!(letter, '\n' | '\t') && !is_mark(letter) && is_hidden(letter)
    })
}

fn escaped(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    let plain = text.bytes().all(|byte| (b' '..0x7f).contains(&byte));
    if plain || !text.chars().any(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if !hidden(letter) {
            shown.push(letter);
            continue;
        }
        let code = u32::from(letter);
        let _ = match letter {
            '\n' => shown.write_str("\\n"),
            '\r' => shown.write_str("\\r"),
            '\t' => shown.write_str("\\t"),
            _ if code < 0x100 => write!(shown, "\\x{code:02x}"),
            _ if code < 0x1_0000 => write!(shown, "\\u{code:04x}"),
            _ => write!(shown, "\\U{code:08x}"),
        };
    }
    Cow::Owned(shown)
}

/// Controls of ASCII and Latin-1, line ends of Unicode, marks and overrides of direction, and
/// characters without width, some of which stand for color until text is written.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_and_the_rest_stays() {
        assert_eq!(visible("山田 é 😀"), "山田 é 😀");
        assert_eq!(visible("a\x1b]52;c;eA==\x07"), "a\\x1b]52;c;eA==\\x07");
        assert_eq!(visible("a\r\nb\tc"), "a\\r\\nb\\tc");
        assert_eq!(
            visible("\u{9b}2J\u{202e}x\u{200b}\u{2028}"),
            "\\x9b2J\\u202ex\\u200b\\u2028"
        );
        assert_eq!(visible_lines("a\n\tb\x1b[2J\r"), "a\n\tb\\x1b[2J\\r");
    }
}
