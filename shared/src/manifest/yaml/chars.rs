//! The characters of a document, with a place in it.

/// A place between two characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Characters before it.
    pub(super) at: usize,
    /// Lines before it.
    pub(super) line: usize,
    /// Characters before it on its line.
    pub(super) column: usize,
}

/// The characters of a document. Behind the last one are endless NUL characters, as in libyaml's
/// buffer; a document cannot contain one.
pub(super) struct Chars {
    chars: Vec<char>,
    /// The byte at which each character begins, and the length of the text.
    bytes: Vec<usize>,
    /// Where the reader is.
    pub(super) mark: Mark,
}

impl Chars {
    /// Takes a text as Go's line reader hands it over: a carriage return before a line's end is
    /// dropped, and the last line has an end.
    pub(super) fn new(text: &str) -> Self {
        let mut chars = Vec::with_capacity(text.len() + 1);
        let mut bytes = Vec::with_capacity(text.len() + 2);
        let mut letters = text.char_indices().peekable();
        let mut dropped = None;
        while let Some((at, letter)) = letters.next() {
            if letter == '\r' && letters.peek().is_some_and(|(_, next)| *next == '\n') {
                dropped = Some(at);
                continue;
            }
            chars.push(letter);
            // The line ends where its carriage return stands.
            bytes.push(dropped.take().unwrap_or(at));
        }
        if chars.last().is_some_and(|last| *last != '\n') {
            chars.push('\n');
            bytes.push(text.len());
        }
        bytes.push(text.len());
        Self {
            chars,
            bytes,
            mark: Mark::default(),
        }
    }

    /// Returns the byte of the text at which a place is.
    pub(super) fn byte(&self, mark: Mark) -> usize {
        let last = self.bytes.len() - 1;
        self.bytes[mark.at.min(last)]
    }

    /// Returns the character that is `ahead` of the reader.
    pub(super) fn peek(&self, ahead: usize) -> char {
        let at = self.mark.at + ahead;
        self.chars.get(at).copied().unwrap_or('\0')
    }

    pub(super) fn is(&self, letter: char) -> bool {
        self.peek(0) == letter
    }

    pub(super) fn skip(&mut self) {
        self.mark.at += 1;
        self.mark.column += 1;
    }

    pub(super) fn take(&mut self) -> char {
        let letter = self.peek(0);
        self.skip();
        letter
    }

    /// Reads a line's end into `into`: all of them are one, but those of Unicode stay.
    pub(super) fn take_break(&mut self, into: &mut String) {
        let letter = self.peek(0);
        if !is_break(letter) {
            return;
        }
        let width = if letter == '\r' && self.peek(1) == '\n' {
            2
        } else {
            1
        };
        into.push(if matches!(letter, '\u{2028}' | '\u{2029}') {
            letter
        } else {
            '\n'
        });
        self.mark.at += width;
        self.mark.column = 0;
        self.mark.line += 1;
    }

    /// Skips blanks.
    pub(super) fn skip_blanks(&mut self) {
        while is_blank(self.peek(0)) {
            self.skip();
        }
    }

    /// Skips what is left of the line if it is a comment.
    pub(super) fn skip_comment(&mut self) {
        if self.is('#') {
            while !is_break_or_end(self.peek(0)) {
                self.skip();
            }
        }
    }

    /// Returns whether a line begins here with `---` or `...` and nothing joined to it.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.mark.column == 0
            && matches!(self.peek(0), '-' | '.')
            && self.peek(1) == self.peek(0)
            && self.peek(2) == self.peek(0)
            && is_blank_or_end(self.peek(3))
    }
}

pub(super) fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

/// YAML 1.1 ends lines, and so comments, at three characters of Unicode as well.
pub(super) fn is_break(letter: char) -> bool {
    matches!(letter, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn is_break_or_end(letter: char) -> bool {
    letter == '\0' || is_break(letter)
}

pub(super) fn is_blank_or_end(letter: char) -> bool {
    is_blank(letter) || is_break_or_end(letter)
}

/// What names of anchors, tags and directives are made of.
pub(super) fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')
}
