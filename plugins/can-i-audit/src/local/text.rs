//! Text of files: UTF-8, YAML and JSON.

use std::path::Path;

use groundcrew::error::{Error, Result};
use groundcrew::limits;
use groundcrew::manifest;
use serde::de::DeserializeOwned;

/// Reads stdin to its end.
///
/// # Errors
///
/// That it cannot be read.
pub(super) fn stdin_bytes(what: &str) -> Result<Vec<u8>> {
    limits::read(std::io::stdin().lock(), limits::MANIFESTS)
        .map_err(|error| Error::failed(format!("cannot read {what} from stdin")).with_source(error))
}

/// Reads stdin to its end as text.
///
/// # Errors
///
/// That it cannot be read, or is not text.
pub(super) fn stdin(what: &str) -> Result<String> {
    text(&stdin_bytes(what)?, "stdin")
}

/// Reads a file.
///
/// # Errors
///
/// That it cannot be read.
pub(super) fn file_bytes(file: &Path) -> Result<Vec<u8>> {
    limits::file(file, limits::MANIFESTS).map_err(|error| {
        Error::failed(format!("cannot read {}", file.display())).with_source(error)
    })
}

/// Reads a text file.
///
/// # Errors
///
/// That it cannot be read, or is not text.
pub(super) fn read_file(file: &Path) -> Result<String> {
    text(&file_bytes(file)?, &file.display().to_string())
}

fn text(bytes: &[u8], name: &str) -> Result<String> {
    manifest::text(bytes)
        .map(std::borrow::Cow::into_owned)
        .map_err(|why| Error::failed(format!("{name}: {why}")))
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

/// Reads a file of one YAML document; the error names the line and quotes nothing, because what
/// stands around the fault may be a Secret.
///
/// # Errors
///
/// What is wrong, and where.
pub(super) fn yaml<T: DeserializeOwned>(text: &str, name: &str) -> Result<T> {
    let wrong = |line: usize, words: &str| Error::failed(format!("{name}:{line}: {words}"));
    let mut found = manifest::documents(text).into_iter();
    let (Some(document), None) = (found.next(), found.next()) else {
        return Err(wrong(1, "exactly one document is expected"));
    };
    if let Some(note) = document.notes.first() {
        return Err(wrong(note.line, &note.message));
    }
    let node = document
        .node
        .map_err(|fault| wrong(fault.line, &fault.message))?;
    serde_json::from_value(node.to_json())
        .map_err(|error| wrong(node.place.line, &error.to_string()))
}
