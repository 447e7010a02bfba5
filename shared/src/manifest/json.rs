//! JSON as Go's decoder reads it, with places.

use serde_json::Number;

use super::fault::{Fault, Note};
use super::map::MapBuilder;
use super::tree::{Node, Place, Value};
use super::yaml::parser::DEEPEST;
use super::yaml::scalar::{KeyType, whole};

/// Reads values one after another.
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// Lines before the text in its file.
    lines: usize,
    /// The place that was counted last: byte, line and the byte at which that line begins.
    counted: (usize, usize, usize),
    depth: usize,
    pub(super) notes: Vec<Note>,
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a str, lines: usize) -> Self {
        Self {
            text,
            at: 0,
            lines,
            counted: (0, 0, 0),
            depth: 0,
            notes: Vec::new(),
        }
    }

    /// Returns the byte behind what was read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Reads the next value; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Node>, Fault> {
        self.blanks();
        if self.at == self.text.len() {
            return Ok(None);
        }
        self.value().map(Some)
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    fn wrong<T>(&mut self, message: &str) -> Result<T, Fault> {
        let line = self.place(self.at).line;
        let ended = self.at >= self.text.len();
        Err(Fault {
            line,
            message: if ended {
                "not JSON: it ends too early".to_owned()
            } else {
                format!("not JSON: {message}")
            },
        })
    }

    /// Returns the place of a value that begins at a byte and ends where the reader is.
    fn place(&mut self, start: usize) -> Place {
        let (from, mut line, mut begin) = match self.counted {
            known if known.0 <= start => known,
            _ => (0, 0, 0),
        };
        for (at, _) in self.text[from..start].match_indices('\n') {
            line += 1;
            begin = from + at + 1;
        }
        self.counted = (start, line, begin);
        Place {
            bytes: start..self.at.max(start),
            line: self.lines + line + 1,
            column: self.text[begin..start].chars().count() + 1,
        }
    }

    fn value(&mut self) -> Result<Node, Fault> {
        let start = self.at;
        let mut place = self.place(start);
        let mut flow = false;
        let value = match self.peek() {
            b'{' => {
                flow = true;
                self.deeper(Self::object)?
            }
            b'[' => {
                flow = true;
                self.deeper(Self::array)?
            }
            b'"' => Value::String(self.string()?),
            b'-' | b'0'..=b'9' => Value::Number(self.number()?),
            _ => self.word()?,
        };
        place.bytes.end = self.at;
        Ok(Node {
            value,
            place,
            flow,
            ..Node::default()
        })
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.wrong("values nested too deep");
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, Fault> {
        self.at += 1;
        let mut map = MapBuilder::default();
        self.blanks();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(Value::Mapping(Vec::new()));
        }
        loop {
            self.blanks();
            if self.peek() != b'"' {
                return self.wrong("a key in double quotes is missing");
            }
            let start = self.at;
            let mut place = self.place(start);
            let text = self.string()?;
            place.bytes.end = self.at;
            let key = Node {
                value: Value::String(text),
                place,
                ..Node::default()
            };
            self.blanks();
            if self.peek() != b':' {
                return self.wrong("`:` is missing");
            }
            self.at += 1;
            self.blanks();
            let value = self.value()?;
            if let Err(message) = map.add(key, KeyType::String, value) {
                return self.wrong(&message);
            }
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.wrong("`,` or `}` is missing"),
            }
        }
        self.at += 1;
        self.notes.append(&mut map.notes);
        Ok(Value::Mapping(map.entries))
    }

    fn array(&mut self) -> Result<Value, Fault> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(Value::Sequence(items));
        }
        loop {
            self.blanks();
            items.push(self.value()?);
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b']' => break,
                _ => return self.wrong("`,` or `]` is missing"),
            }
        }
        self.at += 1;
        Ok(Value::Sequence(items))
    }

    fn word(&mut self) -> Result<Value, Fault> {
        for (word, value) in [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.wrong("a value is missing")
    }

    fn number(&mut self) -> Result<Number, Fault> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E')))
            .unwrap_or(rest.len());
        let text = &rest[..end];
        let Ok(number) = serde_json::from_str::<Number>(text) else {
            return self.wrong("a number is not one of JSON");
        };
        self.at += end;
        if number.is_f64() {
            let number = number.as_f64().and_then(whole);
            return number.map_or_else(|| self.wrong("a number is too large"), Ok);
        }
        Ok(number)
    }

    fn string(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(end) = rest.find(|c: char| matches!(c, '"' | '\\') || c < ' ') else {
                self.at = self.text.len();
                return self.wrong("a quote has no end");
            };
            text.push_str(&rest[..end]);
            self.at += end;
            match self.peek() {
                b'"' => break,
                b'\\' => {
                    let letter = self.escape()?;
                    text.push(letter);
                }
                _ => return self.wrong("a line end or a control character between quotes"),
            }
        }
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, Fault> {
        self.at += 1;
        let letter = match self.peek() {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return self.wrong("an escape that JSON does not have"),
        };
        self.at += 1;
        Ok(letter)
    }

    /// Reads what follows `\`; half of a pair becomes U+FFFD, as in Go.
    fn unicode(&mut self) -> Result<char, Fault> {
        let Some(first) = self.hexadecimal(self.at + 1) else {
            return self.wrong("\\u without four hexadecimal digits");
        };
        self.at += 5;
        if let Some(letter) = char::from_u32(first) {
            return Ok(letter);
        }
        let second = self.text[self.at..]
            .starts_with("\\u")
            .then(|| self.hexadecimal(self.at + 2))
            .flatten();
        if let Some(second) = second
            && (0xD800..0xDC00).contains(&first)
            && (0xDC00..0xE000).contains(&second)
        {
            self.at += 6;
            let both = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            return Ok(char::from_u32(both).unwrap_or('\u{fffd}'));
        }
        Ok('\u{fffd}')
    }

    fn hexadecimal(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 4)?;
        let good = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }
}
