//! What is removed from maps and lists, neighbors together.

use std::ops::Range;

use super::text::{TextEdit, end, end_of_line, find, node_end, start_of_line};
use crate::model::manifest::{Node, Segment, Value as Read};

/// What is removed from one map or list.
#[derive(Debug)]
pub(super) struct Removal<'a> {
    /// Path of the map or list.
    pub(super) parent: Vec<Segment<'a>>,
    /// Positions in it, sorted.
    positions: Vec<usize>,
}

impl Removal<'_> {
    /// Returns whether nothing stays.
    pub(super) fn is_all(&self, node: &Node) -> bool {
        let parent = find(node, &self.parent);
        let size = parent.map_or(0, |parent| parent.entries().len() + parent.items().len());
        self.positions.len() == size
    }
}

/// Notes that a key or an item is removed.
pub(super) fn gather<'a>(
    removals: &mut Vec<Removal<'a>>,
    node: &Node,
    steps: &[Segment<'a>],
) -> Option<()> {
    let (last, parents) = steps.split_last()?;
    let parent = find(node, parents)?;
    let position = match (last, &parent.value) {
        (Segment::Key(key), Read::Mapping(entries)) => {
            entries.iter().position(|entry| entry.key == *key)?
        }
        (Segment::Index(index), Read::Sequence(items)) if *index < items.len() => *index,
        _ => return None,
    };
    let known = removals.iter_mut().find(|known| known.parent == parents);
    match known {
        Some(known) => {
            known.positions.push(position);
            known.positions.sort_unstable();
            known.positions.dedup();
        }
        None => removals.push(Removal {
            parent: parents.to_vec(),
            positions: vec![position],
        }),
    }
    Some(())
}

/// Takes things out of one map or list, neighbors together.
pub(super) fn remove(text: &str, node: &Node, removal: &Removal<'_>) -> Option<Vec<TextEdit>> {
    let parent = find(node, &removal.parent)?;
    let spans: Vec<Range<usize>> = match &parent.value {
        Read::Mapping(entries) => entries
            .iter()
            .map(|entry| entry.place.bytes.start..end(entry))
            .collect(),
        Read::Sequence(items) => items
            .iter()
            .map(|item| {
                let start = item.place.bytes.start;
                let line_start = start_of_line(text, start);
                let dash = text[line_start..start].rfind('-').filter(|_| !parent.flow);
                dash.map_or(start, |dash| line_start + dash)..node_end(item)
            })
            .collect(),
        _ => return None,
    };
    let runs = removal.positions.chunk_by(|one, other| one + 1 == *other);
    runs.map(|run| {
        let (first, last) = (*run.first()?, *run.last()?);
        let (from, to) = (spans.get(first)?.start, spans.get(last)?.end);
        let next = spans.get(last + 1).map(|span| span.start);
        let bytes = if parent.flow {
            match (first.checked_sub(1), next) {
                (_, Some(next)) => from..next,
                (Some(before), None) => spans[before].end..to,
                (None, None) => from..to,
            }
        } else {
            let line_start = start_of_line(text, from);
            let alone = text[line_start..from].trim().is_empty();
            match next {
                // The first key of a list's item stands behind the dash: the next takes its place.
                Some(next) if !alone => from..next,
                None if !alone => return None,
                _ => line_start..end_of_line(text, to),
            }
        };
        Some(TextEdit {
            bytes,
            text: String::new(),
        })
    })
    .collect()
}
