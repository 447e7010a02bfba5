//! Manifests as kubectl reads them, with what only this plugin asks of them.

pub use groundcrew::manifest::{
    Chunk, Document, Encoding, Entry, Fault, Form, Node, Segment, TypeError, Value, documents,
    each, is_template, objects, parse, read, segments, text, unknown_fields,
};

/// Returns the text of each document of a file that holds a value, or something unreadable.
#[must_use]
pub fn split(text: &str) -> Vec<Chunk<'_>> {
    documents(text)
        .iter()
        .map(|document| document.chunk)
        .collect()
}

/// Returns what is wrong with a document, in the words of somebody who renders templates.
#[must_use]
pub fn told(chunk: &Chunk<'_>, fault: &Fault) -> Fault {
    let message = if is_template(chunk.text) {
        "a template, not a manifest: render it first".to_owned()
    } else {
        fault.message.clone()
    };
    Fault {
        line: fault.line,
        message,
    }
}
