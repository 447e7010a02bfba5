//! Words as the API server prints them.

use std::collections::BTreeSet;

/// Joins as `"a", "b"`; no escaping, as the server's own `joinQuote` does none.
///
/// Source: `policy/helpers.go` of `k8s.io/pod-security-admission`.
#[must_use]
pub fn join_quote<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push('"');
        text.push_str(item.as_ref());
        text.push('"');
    }
    text
}

/// Returns `one` for a count of one, else `many`.
#[must_use]
pub fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// Returns `container "a"` or `containers "a", "b"`.
#[must_use]
pub fn containers(names: &[&str]) -> String {
    let word = plural(names.len(), "container", "containers");
    format!("{word} {}", join_quote(names))
}

/// A sorted set of strings, in bytewise order like Go's.
pub type Names<'a> = BTreeSet<&'a str>;

/// Quotes as Go's `%q` does.
#[must_use]
pub fn go_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if is_printable(c) => quoted.push(c),
            c => {
                let code = u32::from(c);
                let escape = match code {
                    0..=0x1f | 0x7f => format!("\\x{code:02x}"),
                    0x80..=0xffff => format!("\\u{code:04x}"),
                    _ => format!("\\U{code:08x}"),
                };
                quoted.push_str(&escape);
            }
        }
    }
    quoted.push('"');
    quoted
}

/// Returns whether Go prints a character as it is; Rust's own escaping follows the same tables,
/// but escapes a combining mark at the beginning of a string.
fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    let text = String::from_iter(['a', c]);
    text.escape_debug().count() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_those_of_go() {
        assert_eq!(go_quote("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(go_quote("\u{0}\u{1f}\u{7f}\t"), r#""\x00\x1f\x7f\t""#);
        assert_eq!(go_quote("é山\u{301}"), "\"é山\u{301}\"");
        assert_eq!(
            go_quote("\u{a0}\u{200b}\u{e000}"),
            r#""\u00a0\u200b\ue000""#
        );
        assert_eq!(go_quote("\u{10ffff}"), r#""\U0010ffff""#);
    }

    #[test]
    fn one_is_singular() {
        assert_eq!(containers(&["a"]), r#"container "a""#);
        assert_eq!(containers(&["a", "b"]), r#"containers "a", "b""#);
    }
}
