//! Scalars in their five forms.

use super::chars::{Mark, is_blank, is_blank_or_end, is_break, is_break_or_end};
use super::scanner::{Scanner, fault};
use super::token::{Token, TokenKind};
use crate::manifest::fault::Fault;

/// The white space between two words of a scalar that goes over several lines.
#[derive(Default)]
struct Fold {
    blanks: String,
    leading: String,
    trailing: String,
    at_line_start: bool,
}

impl Fold {
    /// Writes a space for a single line end, line ends for more, and blanks as they are.
    fn join(&mut self, text: &mut String) {
        if self.at_line_start {
            if self.leading.starts_with('\n') {
                if self.trailing.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&self.leading);
            }
            text.push_str(&self.trailing);
            self.leading.clear();
            self.trailing.clear();
        } else {
            text.push_str(&self.blanks);
            self.blanks.clear();
        }
    }
}

impl Scanner {
    pub(super) fn plain_scalar(&mut self) -> Result<Token, Fault> {
        let indent = self.indent + 1;
        let start = self.chars.mark;
        let mut end = start;
        let mut text = String::new();
        let mut fold = Fold::default();
        loop {
            if self.chars.is_document_indicator() || self.chars.is('#') {
                break;
            }
            while !is_blank_or_end(self.chars.peek(0)) {
                let letter = self.chars.peek(0);
                if (letter == ':' && is_blank_or_end(self.chars.peek(1)))
                    || (self.flow > 0 && matches!(letter, ',' | '?' | '[' | ']' | '{' | '}'))
                {
                    break;
                }
                if fold.at_line_start || !fold.blanks.is_empty() {
                    fold.join(&mut text);
                    fold.at_line_start = false;
                }
                text.push(self.chars.take());
                end = self.chars.mark;
            }
            if !(is_blank(self.chars.peek(0)) || is_break(self.chars.peek(0))) {
                break;
            }
            loop {
                let letter = self.chars.peek(0);
                if is_blank(letter) {
                    let column = isize::try_from(self.chars.mark.column).unwrap_or(isize::MAX);
                    if fold.at_line_start && column < indent && letter == '\t' {
                        return fault(start, "a tab where only spaces may stand");
                    }
                    self.space(&mut fold);
                } else if is_break(letter) {
                    self.line_end(&mut fold);
                } else {
                    break;
                }
            }
            let column = isize::try_from(self.chars.mark.column).unwrap_or(isize::MAX);
            if self.flow == 0 && column < indent {
                break;
            }
        }
        if fold.at_line_start {
            self.key_allowed = true;
        }
        Ok(scalar(text, true, start, end))
    }

    fn space(&mut self, fold: &mut Fold) {
        if fold.at_line_start {
            self.chars.skip();
        } else {
            fold.blanks.push(self.chars.take());
        }
    }

    fn line_end(&mut self, fold: &mut Fold) {
        if fold.at_line_start {
            self.chars.take_break(&mut fold.trailing);
        } else {
            fold.blanks.clear();
            self.chars.take_break(&mut fold.leading);
            fold.at_line_start = true;
        }
    }

    pub(super) fn quoted_scalar(&mut self, single: bool) -> Result<Token, Fault> {
        let quote = if single { '\'' } else { '"' };
        let start = self.chars.mark;
        self.chars.skip();
        let mut text = String::new();
        let mut fold = Fold::default();
        loop {
            if self.chars.is_document_indicator() {
                return fault(start, "a quoted text goes over the end of the document");
            }
            if self.chars.is('\0') {
                return fault(start, "the quote that begins here has no end");
            }
            fold.at_line_start = false;
            while !is_blank_or_end(self.chars.peek(0)) {
                let (letter, next) = (self.chars.peek(0), self.chars.peek(1));
                if single && letter == '\'' && next == '\'' {
                    text.push('\'');
                    self.chars.skip();
                    self.chars.skip();
                } else if letter == quote {
                    break;
                } else if !single && letter == '\\' && is_break(next) {
                    self.chars.skip();
                    self.chars.take_break(&mut String::new());
                    fold.at_line_start = true;
                    break;
                } else if !single && letter == '\\' {
                    let escaped = self.escape(start)?;
                    text.push(escaped);
                } else {
                    text.push(self.chars.take());
                }
            }
            if self.chars.is(quote) {
                break;
            }
            loop {
                let letter = self.chars.peek(0);
                if is_blank(letter) {
                    self.space(&mut fold);
                } else if is_break(letter) {
                    self.line_end(&mut fold);
                } else {
                    break;
                }
            }
            fold.join(&mut text);
        }
        self.chars.skip();
        Ok(scalar(text, false, start, self.chars.mark))
    }

    fn escape(&mut self, start: Mark) -> Result<char, Fault> {
        self.chars.skip();
        let letter = self.chars.take();
        let digits = match letter {
            '0' => return Ok('\0'),
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            't' | '\t' => return Ok('\t'),
            'n' => return Ok('\n'),
            'v' => return Ok('\u{b}'),
            'f' => return Ok('\u{c}'),
            'r' => return Ok('\r'),
            'e' => return Ok('\u{1b}'),
            ' ' | '"' | '\'' | '\\' => return Ok(letter),
            'N' => return Ok('\u{85}'),
            '_' => return Ok('\u{a0}'),
            'L' => return Ok('\u{2028}'),
            'P' => return Ok('\u{2029}'),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return fault(start, format!("\"\\{letter}\" is not an escape of YAML")),
        };
        let mut value = 0_u32;
        for _ in 0..digits {
            let Some(digit) = self.chars.peek(0).to_digit(16) else {
                return fault(
                    start,
                    format!("\\{letter} needs {digits} hexadecimal digits"),
                );
            };
            value = (value << 4) | digit;
            self.chars.skip();
        }
        match char::from_u32(value) {
            Some(letter) => Ok(letter),
            None => fault(start, format!("\\{letter} names no character")),
        }
    }

    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<Token, Fault> {
        let start = self.chars.mark;
        self.chars.skip();
        let (mut keep, mut strip, mut increment) = (false, false, 0);
        for _ in 0..2 {
            let letter = self.chars.peek(0);
            if matches!(letter, '+' | '-') && !keep && !strip {
                (keep, strip) = (letter == '+', letter == '-');
            } else if letter.is_ascii_digit() && increment == 0 {
                if letter == '0' {
                    return fault(start, "an indentation of 0");
                }
                increment = isize::try_from(letter.to_digit(10).unwrap_or(1)).unwrap_or(1);
            } else {
                break;
            }
            self.chars.skip();
        }
        self.chars.skip_blanks();
        self.chars.skip_comment();
        if !is_break_or_end(self.chars.peek(0)) {
            return fault(
                start,
                "a text behind `|` or `>`: it begins on the next line",
            );
        }
        self.chars.take_break(&mut String::new());
        let mut end = self.chars.mark;
        let mut indent = match increment {
            0 => 0,
            more => self.indent.max(0) + more,
        };
        let (mut text, mut leading, mut trailing) = (String::new(), String::new(), String::new());
        self.block_breaks(&mut indent, &mut trailing, start, &mut end)?;
        let mut leading_blank = false;
        while isize::try_from(self.chars.mark.column) == Ok(indent) && !self.chars.is('\0') {
            let blank = is_blank(self.chars.peek(0));
            if !literal && !leading_blank && !blank && leading.starts_with('\n') {
                if trailing.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&leading);
            }
            leading.clear();
            text.push_str(&trailing);
            trailing.clear();
            leading_blank = blank;
            while !is_break_or_end(self.chars.peek(0)) {
                text.push(self.chars.take());
            }
            self.chars.take_break(&mut leading);
            self.block_breaks(&mut indent, &mut trailing, start, &mut end)?;
        }
        if !strip {
            text.push_str(&leading);
        }
        if keep {
            text.push_str(&trailing);
        }
        Ok(scalar(text, false, start, end))
    }

    fn block_breaks(
        &mut self,
        indent: &mut isize,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<(), Fault> {
        *end = self.chars.mark;
        let mut widest = 0;
        loop {
            let mut column = isize::try_from(self.chars.mark.column).unwrap_or(isize::MAX);
            while (*indent == 0 || column < *indent) && self.chars.is(' ') {
                self.chars.skip();
                column += 1;
            }
            widest = widest.max(column);
            if (*indent == 0 || column < *indent) && self.chars.is('\t') {
                return fault(start, "a tab where only spaces may stand");
            }
            if !is_break(self.chars.peek(0)) {
                break;
            }
            self.chars.take_break(breaks);
            *end = self.chars.mark;
        }
        if *indent == 0 {
            *indent = widest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}

fn scalar(text: String, plain: bool, start: Mark, end: Mark) -> Token {
    Token {
        kind: TokenKind::Scalar { text, plain },
        start,
        end,
    }
}
