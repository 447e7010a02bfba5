//! Text of files: UTF-8, YAML and JSON.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use groundcrew::error::{Error, Result};
use serde::de::DeserializeOwned;

/// Reads stdin to its end.
///
/// # Errors
///
/// That it cannot be read.
pub(super) fn stdin(what: &str) -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| {
            Error::failed(format!("cannot read {what} from stdin")).with_source(error)
        })?;
    Ok(text)
}

/// Reads a text file.
///
/// # Errors
///
/// That it cannot be read, or is not text.
pub(super) fn read_file(file: &Path) -> Result<String> {
    let bytes = fs::read(file).map_err(|error| {
        Error::failed(format!("cannot read {}", file.display())).with_source(error)
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Error::failed(format!("{} is not text in UTF-8", file.display())))
}

/// Splits a stream into its documents, each with the number of lines before it.
pub(super) fn parts(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut begin, mut begin_line, mut offset) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let word = line.trim_end();
        if word == "---" || word.starts_with("--- ") {
            parts.push((begin_line, &text[begin..offset]));
            begin = offset + line.len();
            begin_line = number + 1;
        }
        offset += line.len();
    }
    parts.push((begin_line, &text[begin..]));
    parts
}

/// Reads JSON; the error names the line.
///
/// # Errors
///
/// What is wrong, and where.
pub(super) fn json<T: DeserializeOwned>(text: &str, name: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        Error::failed(format!(
            "{name}:{}:{}: {words}",
            error.line(),
            error.column()
        ))
    })
}

/// Reads one YAML document that begins after `before` lines; the error names the line and quotes
/// nothing, because what stands around the fault may be a Secret.
///
/// # Errors
///
/// What is wrong, and where.
pub(super) fn yaml<T: DeserializeOwned>(text: &str, name: &str, before: usize) -> Result<T> {
    let options = serde_saphyr::options! { with_snippet: false, budget: None };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(1, |at| at.line());
        let line = before + usize::try_from(line).unwrap_or(1);
        let words = error.without_snippet().to_string();
        let words = words.lines().next().unwrap_or_default().to_owned();
        let mut shown = Error::failed(format!("{name}:{line}: {words}"));
        if text.contains("{{") {
            shown = shown
                .with_detail("it contains {{ }}, so it looks like a template, not a manifest")
                .with_hint("helm template CHART | kubectl can-i-audit --from -");
        }
        shown
    })
}
