//! JSON and YAML documents: a public contract with an `apiVersion` and a `kind`.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::error::{Error, Result};

/// The `apiVersion` of every document that a plugin prints or keeps.
pub const API_VERSION: &str = "groundcrew.dev/v1alpha1";

/// A body with the two fields that say what it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<K, T> {
    api_version: &'static str,
    kind: K,
    #[serde(flatten)]
    body: T,
}

impl<K: Serialize, T: Serialize> Document<K, T> {
    /// Returns a document of `kind`, which each plugin lists in an enum of its own.
    pub fn new(kind: K, body: T) -> Self {
        Self {
            api_version: API_VERSION,
            kind,
            body,
        }
    }
}

/// Renders indented JSON with a final newline.
///
/// # Errors
///
/// Only when a value has no JSON form, such as a map with keys that are not strings.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Error::failed("cannot write JSON").with_source(error))
}

/// Writes what [`json`] renders, piece by piece: for documents of many megabytes.
///
/// # Errors
///
/// When writing fails, or a value has no JSON form.
pub fn write_json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    // Every word and every blank is a write of its own: they are too many for a call each.
    let mut out = BufWriter::with_capacity(BLOCK, out);
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// How much JSON is handed on at once, in bytes.
const BLOCK: usize = 1 << 16;

/// Renders YAML with a final newline.
///
/// # Errors
///
/// Only when a value has no YAML form.
pub fn yaml(value: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(value)
        .map_err(|error| Error::failed("cannot write YAML").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_what_it_is_before_anything_else() {
        let document = Document::new("OnboardPlan", serde_json::json!({"user": "alice"}));
        insta::assert_snapshot!(
            serde_json::to_string(&document).unwrap(),
            @r#"{"apiVersion":"groundcrew.dev/v1alpha1","kind":"OnboardPlan","user":"alice"}"#
        );
    }
}
