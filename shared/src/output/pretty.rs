//! serde_json's pretty form, for documents of many megabytes: each line's beginning is one write
//! and not one for the comma, one for the end of the line and one for each step of indentation.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// A comma, the end of a line, and blanks for as deep as anything goes.
const LINE: [u8; 2 + DEEPEST] = {
    let mut line = [b' '; 2 + DEEPEST];
    line[0] = b',';
    line[1] = b'\n';
    line
};
const DEEPEST: usize = 64;

/// Stands in empty lists that are to be filled. In JSON this byte is always escaped.
pub(super) const MARK: u8 = 0;

/// Writes as `serde_json::ser::PrettyFormatter` does.
#[derive(Debug, Default)]
pub(super) struct Pretty {
    depth: usize,
    filled: bool,
    /// Puts [`MARK`] into every empty list.
    marks: bool,
}

impl Pretty {
    /// Returns one for a value that stands so deep in a document.
    pub(super) fn at(depth: usize) -> Self {
        Self {
            depth,
            ..Self::default()
        }
    }

    /// Returns one that puts [`MARK`] into every empty list.
    pub(super) fn marking() -> Self {
        Self {
            marks: true,
            ..Self::default()
        }
    }

    /// Begins a line.
    pub(super) fn line<W: ?Sized + Write>(&self, out: &mut W, comma: bool) -> io::Result<()> {
        let blanks = 2 * self.depth;
        let known = blanks.min(DEEPEST);
        out.write_all(&LINE[usize::from(!comma)..2 + known])?;
        for _ in known..blanks {
            out.write_all(b" ")?;
        }
        Ok(())
    }

    fn open<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        out.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, out: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.filled {
            self.line(out, false)?;
        }
        out.write_all(bracket)
    }
}

impl Formatter for Pretty {
    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        if self.marks && !self.filled {
            out.write_all(&[MARK])?;
        }
        self.close(out, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, !first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.open(out, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.close(out, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.line(out, !first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize as _;
    use serde_json::{Value, json};

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, Pretty::default());
        value.serialize(&mut serializer).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn it_is_what_serde_json_writes_also_empty_and_very_deep() {
        let mut deep = json!([1, {"a": []}]);
        for _ in 0..50 {
            deep = json!({"b": [deep, {}], "c": "\u{1b} \"x\"\n"});
        }
        for value in [
            json!([]),
            json!({}),
            json!(1.5),
            json!([[], {}, [{}]]),
            deep,
        ] {
            assert_eq!(
                written(&value),
                serde_json::to_string_pretty(&value).unwrap()
            );
        }
    }
}
