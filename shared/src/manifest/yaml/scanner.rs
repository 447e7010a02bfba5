//! From characters to pieces.
//!
//! This is go-yaml v2's scanner, which is libyaml's: what kubectl takes for a key, a comment or the
//! end of a line is decided here, so no rule is left out and none is better than there. Source:
//! `scannerc.go` of `go.yaml.in/yaml/v2`.

use std::collections::{HashMap, VecDeque};

use super::chars::{Chars, Mark, is_blank, is_blank_or_end, is_break};
use super::token::{Token, TokenKind};
use crate::manifest::fault::Fault;

/// Longer keys are none, unless they are marked with `?`.
const LONGEST_KEY: usize = 1024;

/// A piece that is a key if a colon follows.
#[derive(Clone, Copy, Debug, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    number: usize,
    mark: Mark,
}

/// The state of the scanner.
pub(super) struct Scanner {
    pub(super) chars: Chars,
    tokens: VecDeque<Token>,
    parsed: usize,
    available: bool,
    pub(super) flow: usize,
    /// The column of the block that is open; -1 outside of all.
    pub(super) indent: isize,
    indents: Vec<isize>,
    pub(super) key_allowed: bool,
    keys: Vec<SimpleKey>,
    key_of_token: HashMap<usize, usize>,
}

/// Makes an error at a place; lines are counted from the document's first.
pub(super) fn fault<T>(mark: Mark, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        line: mark.line + 1,
        message: message.into(),
    })
}

fn column(mark: Mark) -> isize {
    isize::try_from(mark.column).unwrap_or(isize::MAX)
}

impl Scanner {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: Chars::new(text),
            tokens: VecDeque::new(),
            // The token for the beginning of the stream is counted as there and taken.
            parsed: 1,
            available: false,
            flow: 0,
            indent: -1,
            indents: Vec::new(),
            key_allowed: true,
            keys: vec![SimpleKey::default()],
            key_of_token: HashMap::new(),
        }
    }

    /// Returns the next piece without taking it.
    pub(super) fn peek(&mut self) -> Result<&Token, Fault> {
        if !self.available {
            self.fetch_more()?;
        }
        self.tokens.front().ok_or_else(|| Fault {
            line: self.chars.mark.line + 1,
            message: "the document ends too early".to_owned(),
        })
    }

    /// Takes the next piece.
    pub(super) fn next(&mut self) -> Result<Token, Fault> {
        self.peek()?;
        self.available = false;
        self.parsed += 1;
        self.tokens.pop_front().ok_or_else(|| Fault {
            line: self.chars.mark.line + 1,
            message: "the document ends too early".to_owned(),
        })
    }

    fn fetch_more(&mut self) -> Result<(), Fault> {
        loop {
            if !self.tokens.is_empty() {
                let Some(index) = self.key_of_token.get(&self.parsed).copied() else {
                    break;
                };
                if !self.is_valid(index)? {
                    break;
                }
            }
            self.fetch()?;
        }
        self.available = true;
        Ok(())
    }

    fn fetch(&mut self) -> Result<(), Fault> {
        self.skip_to_next();
        self.unroll(column(self.chars.mark));
        let chars = &self.chars;
        let (first, second) = (chars.peek(0), chars.peek(1));
        let block = self.flow == 0;
        if first == '\0' {
            return self.stream_end();
        }
        if chars.mark.column == 0 && first == '%' {
            self.unroll(-1);
            self.remove_key()?;
            self.key_allowed = false;
            let token = self.directive()?;
            self.tokens.push_back(token);
            return Ok(());
        }
        if chars.is_document_indicator() {
            self.unroll(-1);
            self.remove_key()?;
            self.key_allowed = false;
            let kind = if first == '-' {
                TokenKind::DocumentStart
            } else {
                TokenKind::DocumentEnd
            };
            self.push(kind, 3);
            return Ok(());
        }
        match first {
            '[' => return self.flow_start(TokenKind::FlowSequenceStart),
            '{' => return self.flow_start(TokenKind::FlowMappingStart),
            ']' => return self.flow_end(TokenKind::FlowSequenceEnd),
            '}' => return self.flow_end(TokenKind::FlowMappingEnd),
            ',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.push(TokenKind::FlowEntry, 1);
                return Ok(());
            }
            '-' if is_blank_or_end(second) => return self.block_entry(),
            '?' if !block || is_blank_or_end(second) => return self.key(),
            ':' if !block || is_blank_or_end(second) => return self.value(),
            '*' | '&' => {
                self.save_key()?;
                self.key_allowed = false;
                let token = self.anchor(first == '*')?;
                self.tokens.push_back(token);
                return Ok(());
            }
            '!' => {
                self.save_key()?;
                self.key_allowed = false;
                let token = self.tag()?;
                self.tokens.push_back(token);
                return Ok(());
            }
            '|' | '>' if block => {
                self.remove_key()?;
                self.key_allowed = true;
                let token = self.block_scalar(first == '|')?;
                self.tokens.push_back(token);
                return Ok(());
            }
            '\'' | '"' => {
                self.save_key()?;
                self.key_allowed = false;
                let token = self.quoted_scalar(first == '\'')?;
                self.tokens.push_back(token);
                return Ok(());
            }
            _ => {}
        }
        let indicator = is_blank_or_end(first) || "-?:,[]{}#&*!|>'\"%@`".contains(first);
        let plain = !indicator
            || (first == '-' && !is_blank(second))
            || (block && matches!(first, '?' | ':') && !is_blank_or_end(second));
        if !plain {
            return fault(
                chars.mark,
                match first {
                    '\t' => "a tab where only spaces may stand".to_owned(),
                    other => format!("{other:?} cannot begin a value"),
                },
            );
        }
        self.save_key()?;
        self.key_allowed = false;
        let token = self.plain_scalar()?;
        self.tokens.push_back(token);
        Ok(())
    }

    /// Takes `width` characters as a piece.
    fn push(&mut self, kind: TokenKind, width: usize) {
        let start = self.chars.mark;
        for _ in 0..width {
            self.chars.skip();
        }
        self.tokens.push_back(Token {
            kind,
            start,
            end: self.chars.mark,
        });
    }

    fn is_valid(&mut self, index: usize) -> Result<bool, Fault> {
        let mark = self.chars.mark;
        let Some(key) = self.keys.get_mut(index) else {
            return Ok(false);
        };
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line < mark.line || key.mark.at + LONGEST_KEY < mark.at {
            if key.required {
                return fault(key.mark, "a key without a colon behind it");
            }
            key.possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn save_key(&mut self) -> Result<(), Fault> {
        if !self.key_allowed {
            return Ok(());
        }
        let key = SimpleKey {
            possible: true,
            required: self.flow == 0 && self.indent == column(self.chars.mark),
            number: self.parsed + self.tokens.len(),
            mark: self.chars.mark,
        };
        self.remove_key()?;
        let last = self.keys.len() - 1;
        self.keys[last] = key;
        self.key_of_token.insert(key.number, last);
        Ok(())
    }

    fn remove_key(&mut self) -> Result<(), Fault> {
        let Some(key) = self.keys.last_mut() else {
            return Ok(());
        };
        if key.possible {
            if key.required {
                return fault(key.mark, "a key without a colon behind it");
            }
            key.possible = false;
            self.key_of_token.remove(&key.number);
        }
        Ok(())
    }

    /// Opens a block if the column is deeper than the open one; `number` is the piece before which
    /// it begins.
    fn roll(&mut self, at: Mark, number: Option<usize>, kind: TokenKind) -> Result<(), Fault> {
        if self.flow > 0 || self.indent >= column(at) {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column(at);
        let token = Token {
            kind,
            start: at,
            end: at,
        };
        match number {
            Some(number) => self.insert(number, token),
            None => {
                self.tokens.push_back(token);
                Ok(())
            }
        }
    }

    /// Puts a piece before one that was read already.
    fn insert(&mut self, number: usize, token: Token) -> Result<(), Fault> {
        match number.checked_sub(self.parsed) {
            Some(place) if place <= self.tokens.len() => {
                self.tokens.insert(place, token);
                Ok(())
            }
            _ => fault(token.start, "a list or a map as a key"),
        }
    }

    fn unroll(&mut self, column: isize) {
        if self.flow > 0 {
            return;
        }
        while self.indent > column {
            self.push(TokenKind::BlockEnd, 0);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn stream_end(&mut self) -> Result<(), Fault> {
        if self.chars.mark.column != 0 {
            self.chars.mark.column = 0;
            self.chars.mark.line += 1;
        }
        self.unroll(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.push(TokenKind::StreamEnd, 0);
        Ok(())
    }

    fn flow_start(&mut self, kind: TokenKind) -> Result<(), Fault> {
        self.save_key()?;
        self.keys.push(SimpleKey {
            number: self.parsed + self.tokens.len(),
            mark: self.chars.mark,
            ..SimpleKey::default()
        });
        self.flow += 1;
        self.key_allowed = true;
        self.push(kind, 1);
        Ok(())
    }

    fn flow_end(&mut self, kind: TokenKind) -> Result<(), Fault> {
        self.remove_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            if let Some(key) = self.keys.pop() {
                self.key_of_token.remove(&key.number);
            }
        }
        self.key_allowed = false;
        self.push(kind, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Fault> {
        let mark = self.chars.mark;
        if self.flow == 0 {
            if !self.key_allowed {
                return fault(mark, "a list item cannot begin here");
            }
            self.roll(mark, None, TokenKind::BlockSequenceStart)?;
        }
        self.remove_key()?;
        self.key_allowed = true;
        self.push(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        let mark = self.chars.mark;
        if self.flow == 0 {
            if !self.key_allowed {
                return fault(mark, "a key cannot begin here");
            }
            self.roll(mark, None, TokenKind::BlockMappingStart)?;
        }
        self.remove_key()?;
        self.key_allowed = self.flow == 0;
        self.push(TokenKind::Key, 1);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Fault> {
        let last = self.keys.len() - 1;
        if self.is_valid(last)? {
            let key = self.keys[last];
            let token = Token {
                kind: TokenKind::Key,
                start: key.mark,
                end: key.mark,
            };
            self.insert(key.number, token)?;
            self.roll(key.mark, Some(key.number), TokenKind::BlockMappingStart)?;
            self.keys[last].possible = false;
            self.key_of_token.remove(&key.number);
            self.key_allowed = false;
        } else {
            let mark = self.chars.mark;
            if self.flow == 0 {
                if !self.key_allowed {
                    return fault(
                        mark,
                        "a second `: ` on the line, or a value where none may be",
                    );
                }
                self.roll(mark, None, TokenKind::BlockMappingStart)?;
            }
            self.key_allowed = self.flow == 0;
        }
        self.push(TokenKind::Value, 1);
        Ok(())
    }

    /// Skips blanks, comments and line ends.
    fn skip_to_next(&mut self) {
        loop {
            while self.chars.is(' ')
                || ((self.flow > 0 || !self.key_allowed) && self.chars.is('\t'))
            {
                self.chars.skip();
            }
            self.chars.skip_comment();
            if !is_break(self.chars.peek(0)) {
                return;
            }
            self.chars.take_break(&mut String::new());
            if self.flow == 0 {
                self.key_allowed = true;
            }
        }
    }
}
