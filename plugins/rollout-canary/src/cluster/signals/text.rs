//! The text format in which programs show their metrics.
//!
//! It is the format 0.0.4 of Prometheus and as much of `OpenMetrics` and of quoted names as a
//! counter needs. Written here because what is to be had reads commas, braces and equals signs
//! inside of label values as if they ended them, and then silently counts less.

use std::fmt;

/// One line with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub name: String,
    /// Its labels, in the order of the line.
    pub labels: Vec<(String, String)>,
    /// Its value, which may be `NaN`.
    pub value: f64,
}

/// A line that is not in the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Its number, from 1.
    pub line: usize,
    /// What was expected.
    pub expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} has no {}", self.line, self.expected)
    }
}

/// Reads a whole page. One bad line makes all of it unusable: what it said is not known.
///
/// # Errors
///
/// The first line that is not in the format.
pub fn parse(page: &str) -> Result<Vec<Point>, Malformed> {
    let mut points = Vec::new();
    for (number, line) in page.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let point = point(line).map_err(|expected| Malformed {
            line: number + 1,
            expected,
        })?;
        points.push(point);
    }
    Ok(points)
}

fn point(line: &str) -> Result<Point, &'static str> {
    let mut cursor = Cursor::new(line);
    let mut name = cursor.name().to_owned();
    let mut labels = Vec::new();
    for (label, operator, value) in cursor.block(&mut name)? {
        if operator != "=" {
            return Err("= after a label");
        }
        labels.push((label, value));
    }
    if name.is_empty() {
        return Err("name");
    }
    // A timestamp or an exemplar may follow.
    let word = cursor.rest().split_whitespace().next().unwrap_or_default();
    let value = word.parse().map_err(|_| "value")?;
    Ok(Point {
        name,
        labels,
        value,
    })
}

/// What is left of a line or of a selector.
#[derive(Debug)]
pub struct Cursor<'a> {
    rest: &'a str,
}

/// A label, an operator, a value.
type Item<'a> = (String, &'a str, String);

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes a name; it may be empty.
    pub fn name(&mut self) -> &'a str {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    /// Takes `{label="value", …}` if it is there. A quoted word alone is the metric's name.
    pub fn block(&mut self, name: &mut String) -> Result<Vec<Item<'a>>, &'static str> {
        let mut items = Vec::new();
        if !self.skip("{") {
            return Ok(items);
        }
        loop {
            if self.skip("}") {
                return Ok(items);
            }
            let quoted = self.rest.starts_with(['"', '\'']);
            let label = if quoted {
                self.quoted()?
            } else {
                self.name().to_owned()
            };
            match ["=~", "!~", "!=", "="]
                .into_iter()
                .find(|sign| self.skip(sign))
            {
                Some(operator) if !label.is_empty() => {
                    items.push((label, operator, self.quoted()?));
                }
                None if quoted && name.is_empty() => *name = label,
                _ => return Err("label before a value"),
            }
            if !self.skip(",") && !self.rest.starts_with('}') {
                return Err("} after the labels");
            }
        }
    }

    fn quoted(&mut self) -> Result<String, &'static str> {
        const EXPECTED: &str = "value in quotes";
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let quote = quote.ok_or(EXPECTED)?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next().ok_or(EXPECTED)?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                c if c == quote => {
                    self.take(at + c.len_utf8());
                    return Ok(text);
                }
                c => text.push(c),
            }
        }
        Err(EXPECTED)
    }

    fn skip(&mut self, sign: &str) -> bool {
        let found = self.rest.starts_with(sign);
        if found {
            self.take(sign.len());
        }
        found
    }

    /// Takes so many bytes and the blanks behind them.
    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Point {
        parse(line).unwrap().remove(0)
    }

    #[test]
    fn a_value_comes_with_and_without_labels_timestamp_and_exemplar() {
        assert_eq!(one("up 1").value, 1.0);
        assert_eq!(one("a:b_total{} 2.5e3 1700000000000").value, 2500.0);
        let line = r#"http_requests_total{code="500", path="/a",} 7 # {trace_id="x"} 1.0"#;
        let point = one(line);
        assert_eq!(
            (point.name.as_str(), point.value),
            ("http_requests_total", 7.0)
        );
        assert_eq!(point.labels[1], ("path".to_owned(), "/a".to_owned()));
        assert!(one("x NaN").value.is_nan());
        assert_eq!(one("x +Inf").value, f64::INFINITY);
        assert_eq!(one(r#"{"a.b", c="d"} 1"#).name, "a.b");
    }

    #[test]
    fn signs_inside_of_quotes_are_part_of_the_value() {
        let point = one(r#"x{path="/a=b,c}d {",said="\"hi\"\\\n"} 1"#);
        assert_eq!(point.labels[0].1, "/a=b,c}d {");
        assert_eq!(point.labels[1].1, "\"hi\"\\\n");
    }

    #[test]
    fn comments_and_empty_lines_are_passed_over() {
        let page = "# HELP x {\"\n# TYPE x counter\n\nx 1\n# EOF\n";
        assert_eq!(parse(page).unwrap().len(), 1);
    }

    #[test]
    fn what_is_not_in_the_format_is_refused_with_its_line() {
        for line in [
            "<html>",
            "x",
            "x one",
            "x{a=\"b\" 1",
            "x{a=b} 1",
            "x{a=~\"b\"} 1",
            "{} 1",
        ] {
            let page = format!("up 1\n{line}\n");
            assert_eq!(parse(&page).unwrap_err().line, 2, "{line}");
        }
    }
}
