//! The server's `Warning:` headers, each said once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::WARNING;

use super::counters::Counters;
use crate::ui::Ui;

/// Shows warnings through the user interface. Clones remember together.
#[derive(Clone, Debug)]
pub(super) struct Printer {
    seen: Arc<Mutex<HashSet<String>>>,
    counters: Counters,
    ui: Ui,
}

impl Printer {
    pub(super) fn new(counters: Counters, ui: Ui) -> Self {
        Self {
            seen: Arc::default(),
            counters,
            ui,
        }
    }

    /// Shows what was not shown before; kubectl shows code 299 and no other.
    pub(super) fn show(&self, headers: &HeaderMap) {
        for value in headers.get_all(WARNING) {
            for text in texts(&String::from_utf8_lossy(value.as_bytes())) {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                if seen.insert(text.clone()) {
                    self.counters.count_warning();
                    self.ui.warning(text);
                }
            }
        }
    }
}

/// Returns the texts of the warnings with code 299 in one header value.
///
/// The format is RFC 7234's `code agent "text" ["date"]`, several with commas between. Reading
/// stops at the first fault, as in apimachinery's `ParseWarningHeaders`.
fn texts(header: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = header.trim();
    while !rest.is_empty() {
        let Some((code, text, after)) = next(rest) else {
            break;
        };
        if code == "299" && !text.is_empty() {
            texts.push(text);
        }
        rest = after;
    }
    texts
}

fn next(header: &str) -> Option<(&str, String, &str)> {
    let (code, rest) = header.split_once(' ')?;
    let (_agent, rest) = rest.split_once(' ')?;
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (text, rest) = quoted(rest)?;
    let rest = rest.trim_start();
    let rest = if rest.starts_with('"') {
        quoted(rest)?.1.trim_start()
    } else {
        rest
    };
    let rest = if rest.is_empty() {
        rest
    } else {
        rest.strip_prefix(',')?.trim_start()
    };
    // A text that would steer the terminal is no text.
    (!text.chars().any(char::is_control)).then_some((code, text, rest))
}

/// Reads a quoted string with backslash escapes; returns it and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut escaped = false;
    for (index, character) in inner.char_indices() {
        match character {
            '"' if !escaped => return Some((value, &inner[index + 1..])),
            '\\' if !escaped => escaped = true,
            _ => {
                value.push(character);
                escaped = false;
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_headers_are_read_as_kubectl_reads_them() {
        let table: [(&str, &[&str]); 11] = [
            (r#"299 - "one""#, &["one"]),
            (r#"299 k8s "a \"b\" \\ c""#, &[r#"a "b" \ c"#]),
            (r#"299 - "one" "Tue, 15 Nov 1994 08:12:31 GMT""#, &["one"]),
            (r#"299 - "one", 299 - "two""#, &["one", "two"]),
            (r#"299 - "one" "date",299 - "two""#, &["one", "two"]),
            (r#"199 - "misc", 299 - "two""#, &["two"]),
            (r#"299 - """#, &[]),
            (r#"299 - "open"#, &[]),
            (r#"299 - bare"#, &[]),
            (r#"29x - "one""#, &[]),
            ("299 - \"\u{1b}[2J\"", &[]),
        ];
        for (header, expected) in table {
            assert_eq!(texts(header), expected, "{header}");
        }
    }
}
