//! What a terminal obeys and does not show, made visible.
//!
//! Names, annotations, events and messages are written by others. Shown as they are, they could
//! move the cursor, set the clipboard, forge lines, or turn text around.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

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

/// Writes text as [`visible_lines`] shows it, for text that comes in parts: a letter may go over
/// the end of one.
pub(super) struct VisibleWriter<W: Write> {
    out: W,
    /// The beginning of a letter whose end is in the next part.
    rest: Vec<u8>,
}

impl<W: Write> VisibleWriter<W> {
    pub(super) fn new(out: W) -> Self {
        let rest = Vec::new();
        Self { out, rest }
    }

    /// Writes what is left, which is no whole letter.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.out
            .write_all(visible_lines(&String::from_utf8_lossy(&rest)).as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Write for VisibleWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.len(),
            // `None` is a letter that goes on; what is not UTF-8 at all is replaced.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => self.rest.len(),
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]);
        self.out.write_all(visible_lines(&text).as_bytes())?;
        self.rest.drain(..whole);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_parts_is_shown_as_in_one() {
        let text = "{\"a\": \"山\u{202e}\u{9b}2J\u{1b}[31m\"}\n";
        for size in 1..text.len() {
            let mut shown = Vec::new();
            let mut writer = VisibleWriter::new(&mut shown);
            for part in text.as_bytes().chunks(size) {
                writer.write_all(part).unwrap();
            }
            writer.finish().unwrap();
            assert_eq!(
                String::from_utf8(shown).unwrap(),
                visible_lines(text),
                "{size}"
            );
        }
    }

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
