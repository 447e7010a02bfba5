//! Directives, anchors, aliases and tags.

use super::chars::{Mark, is_blank, is_blank_or_end, is_break_or_end, is_word};
use super::scanner::{Scanner, fault};
use super::token::{Token, TokenKind};
use crate::manifest::fault::Fault;

impl Scanner {
    fn word(&mut self) -> String {
        let mut word = String::new();
        while is_word(self.chars.peek(0)) {
            word.push(self.chars.take());
        }
        word
    }

    pub(super) fn directive(&mut self) -> Result<Token, Fault> {
        let start = self.chars.mark;
        self.chars.skip();
        let name = self.word();
        if !is_blank_or_end(self.chars.peek(0)) {
            return fault(
                start,
                "a line that begins with % is not a directive of YAML",
            );
        }
        self.chars.skip_blanks();
        let kind = match name.as_str() {
            "YAML" => {
                let major = self.version(start)?;
                if !self.chars.is('.') {
                    return fault(start, "%YAML needs a version");
                }
                self.chars.skip();
                let minor = self.version(start)?;
                TokenKind::Version { major, minor }
            }
            "TAG" => {
                let handle = self.handle(true, start)?;
                if !is_blank(self.chars.peek(0)) {
                    return fault(start, "%TAG needs a handle and a prefix");
                }
                self.chars.skip_blanks();
                let prefix = self.uri("", start)?;
                if !is_blank_or_end(self.chars.peek(0)) {
                    return fault(start, "%TAG needs a handle and a prefix");
                }
                TokenKind::TagDirective { handle, prefix }
            }
            _ => {
                return fault(
                    start,
                    "a line that begins with % is not a directive of YAML",
                );
            }
        };
        let end = self.chars.mark;
        self.chars.skip_blanks();
        self.chars.skip_comment();
        if !is_break_or_end(self.chars.peek(0)) {
            return fault(start, "a directive has too many words");
        }
        self.chars.take_break(&mut String::new());
        Ok(Token { kind, start, end })
    }

    fn version(&mut self, start: Mark) -> Result<u32, Fault> {
        let (mut value, mut length) = (0, 0);
        while let Some(digit) = self.chars.peek(0).to_digit(10) {
            length += 1;
            value = value * 10 + digit;
            if length > 2 {
                return fault(start, "%YAML has a version that is too long");
            }
            self.chars.skip();
        }
        if length == 0 {
            return fault(start, "%YAML needs a version");
        }
        Ok(value)
    }

    pub(super) fn anchor(&mut self, alias: bool) -> Result<Token, Fault> {
        let start = self.chars.mark;
        self.chars.skip();
        let name = self.word();
        let after = self.chars.peek(0);
        if name.is_empty() || !(is_blank_or_end(after) || "?:,]}%@`".contains(after)) {
            return fault(
                start,
                if alias {
                    "`*` begins an alias, and what follows is not the name of one"
                } else {
                    "`&` begins an anchor, and what follows is not the name of one"
                },
            );
        }
        Ok(Token {
            kind: if alias {
                TokenKind::Alias(name)
            } else {
                TokenKind::Anchor(name)
            },
            start,
            end: self.chars.mark,
        })
    }

    pub(super) fn tag(&mut self) -> Result<Token, Fault> {
        let start = self.chars.mark;
        let (handle, suffix) = if self.chars.peek(1) == '<' {
            self.chars.skip();
            self.chars.skip();
            let suffix = self.uri("", start)?;
            if !self.chars.is('>') {
                return fault(start, "a tag has no end");
            }
            self.chars.skip();
            (String::new(), suffix)
        } else {
            let handle = self.handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                let suffix = self.uri("", start)?;
                (handle, suffix)
            } else {
                match self.uri(&handle, start)? {
                    suffix if suffix.is_empty() => (String::new(), "!".to_owned()),
                    suffix => ("!".to_owned(), suffix),
                }
            }
        };
        if !is_blank_or_end(self.chars.peek(0)) {
            return fault(start, "a tag must be followed by a blank");
        }
        Ok(Token {
            kind: TokenKind::Tag { handle, suffix },
            start,
            end: self.chars.mark,
        })
    }

    fn handle(&mut self, directive: bool, start: Mark) -> Result<String, Fault> {
        if !self.chars.is('!') {
            return fault(start, "a tag begins with !");
        }
        let mut handle = String::from(self.chars.take());
        handle.push_str(&self.word());
        if self.chars.is('!') {
            handle.push(self.chars.take());
        } else if directive && handle != "!" {
            return fault(start, "the handle of a %TAG ends with !");
        }
        Ok(handle)
    }

    fn uri(&mut self, head: &str, start: Mark) -> Result<String, Fault> {
        let mut uri = head.get(1..).unwrap_or_default().to_owned();
        let mut is_there = !head.is_empty();
        loop {
            let letter = self.chars.peek(0);
            if letter == '%' {
                // Nobody writes one; what Go makes of it is not worth a second reader.
                return fault(start, "a tag with % in it");
            }
            if !is_word(letter) && !";/?:@&=+$,.!~*'()[]".contains(letter) {
                break;
            }
            uri.push(self.chars.take());
            is_there = true;
        }
        if is_there {
            Ok(uri)
        } else {
            fault(start, "a tag without a name")
        }
    }
}
