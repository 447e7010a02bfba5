//! Places in the text of a document.

use std::ops::Range;

use crate::model::manifest::{Entry, Node, Segment};

/// A piece of text in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    /// Bytes of the document that go.
    pub bytes: Range<usize>,
    /// What comes.
    pub text: String,
}

/// Makes the edits, which are sorted and apart.
#[must_use]
pub fn apply(text: &str, edits: &[TextEdit]) -> String {
    let mut changed = String::with_capacity(text.len() + 256);
    let mut position = 0;
    for edit in edits {
        changed.push_str(&text[position..edit.bytes.start]);
        changed.push_str(&edit.text);
        position = edit.bytes.end;
    }
    changed.push_str(&text[position..]);
    changed
}

pub(super) fn find<'a>(node: &'a Node, steps: &[Segment<'_>]) -> Option<&'a Node> {
    steps.iter().try_fold(node, |node, step| match step {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.items().get(*index),
    })
}

pub(super) fn start_of_line(text: &str, position: usize) -> usize {
    text[..position].rfind('\n').map_or(0, |at| at + 1)
}

/// Returns where the text of an entry ends, without a comment behind it.
pub(super) fn end(entry: &Entry) -> usize {
    let value = node_end(&entry.node);
    if value < entry.place.bytes.end || (entry.node.is_null() && entry.node.place.bytes.is_empty())
    {
        entry.place.bytes.end
    } else {
        value
    }
}

/// Returns where the text of a value ends; that of a block ends with its last word.
pub(super) fn node_end(node: &Node) -> usize {
    match &node.written {
        // What an alias stands for is written elsewhere.
        Some(alias) => alias.end,
        None => node.place.bytes.end,
    }
}

/// Returns the position behind the line's end; a block's text ends with one already.
pub(super) fn end_of_line(text: &str, position: usize) -> usize {
    if position > 0 && text[..position].ends_with('\n') {
        return position;
    }
    text[position..]
        .find('\n')
        .map_or(text.len(), |at| position + at + 1)
}
