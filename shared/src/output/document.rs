//! JSON and YAML documents: a public contract with an `apiVersion` and a `kind`.

use serde::Serialize;

use crate::error::{Error, Result};

/// The `apiVersion` of every document that a plugin prints or keeps.
pub const API_VERSION: &str = "groundcrew.dev/v1alpha1";

/// A body with the two fields that say what it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<T> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    body: T,
}

impl<T: Serialize> Document<T> {
    /// Returns a document of `kind`.
    pub fn new(kind: &'static str, body: T) -> Self {
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

/// Renders YAML with a final newline.
///
/// # Errors
///
/// Only when a value has no YAML form.
pub fn yaml(value: &impl Serialize) -> Result<String> {
    serde_saphyr::to_string(value)
        .map_err(|error| Error::failed("cannot write YAML").with_source(error))
}
