//! Manifests as kubectl reads them, every value with its place.
//!
//! One reader for all plugins that look at files: a role or a pod that is read otherwise than
//! kubectl reads it is a wrong answer that nobody notices. What kubectl refuses, and what it is not
//! certain to read in the same way, is a [`Fault`].

mod deserialize;
mod encoding;
mod fault;
mod fields;
mod json;
mod map;
mod objects;
mod stream;
#[cfg(test)]
mod tests;
mod tree;
mod yaml;

pub use deserialize::{TypeError, read};
pub use encoding::{Encoding, text};
pub use fault::{Fault, Note};
pub use fields::unknown_fields;
pub use objects::objects;
pub use stream::{Chunk, Document, Form, documents, each, parse};
pub use tree::{Entry, Node, Place, Segment, Value, segments};

/// Returns whether text that cannot be read is a template that was not rendered: braces outside of
/// quotes and comments, on the line at fault or above it.
#[must_use]
pub fn is_template(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start();
        !line.starts_with('#')
            && line.find("{{").is_some_and(|at| {
                let before = &line[..at];
                before.matches(['"', '\'', '`']).count() % 2 == 0
            })
    })
}
