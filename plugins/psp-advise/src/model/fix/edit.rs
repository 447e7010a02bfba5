//! Changes as edits of the text: comments, order, anchors and line ends stay as they are.

use serde_json::{Map, Value};

use super::ops::{Change, Op};
use super::removal::{Removal, gather, remove};
use super::text::{TextEdit, end, end_of_line, find};
use crate::model::manifest::{Entry, Node, Segment, Value as Read, segments};

/// New keys for one map, or a new item for one list.
#[derive(Debug)]
struct Addition<'a> {
    /// Path of the map that is there already.
    parent: Vec<Segment<'a>>,
    /// What it gets.
    keys: Map<String, Value>,
}

/// Returns the edits of a document's text that make the changes; `None` when one of them has no
/// place in it.
#[must_use]
pub fn edits(text: &str, node: &Node, ops: &[Op]) -> Option<Vec<TextEdit>> {
    let mut edits: Vec<TextEdit> = Vec::new();
    let mut additions: Vec<Addition<'_>> = Vec::new();
    let mut removals: Vec<Removal<'_>> = Vec::new();
    for op in ops {
        let steps: Vec<Segment<'_>> = segments(&op.path).collect();
        match &op.change {
            Change::Remove => gather(&mut removals, node, &steps)?,
            Change::Set(value) => match find(node, &steps) {
                Some(there) if !there.is_null() => edits.push(TextEdit {
                    bytes: there.place.bytes.clone(),
                    text: scalar(value, is_json(text, there)),
                }),
                _ => add(&mut additions, node, &steps, value.clone())?,
            },
            Change::Append(value) => match find(node, &steps) {
                Some(there) if !there.items().is_empty() => {
                    edits.push(append(text, there, value)?);
                }
                Some(there) if !there.is_null() => edits.push(TextEdit {
                    bytes: there.place.bytes.clone(),
                    text: flow(&Value::Array(vec![value.clone()]), is_json(text, there)),
                }),
                _ => add(
                    &mut additions,
                    node,
                    &steps,
                    Value::Array(vec![value.clone()]),
                )?,
            },
        }
    }
    for removal in &removals {
        edits.extend(remove(text, node, removal)?);
    }
    // Where several maps end on one line, the inner one gets its lines first.
    additions.sort_by_key(|addition| std::cmp::Reverse(addition.parent.len()));
    for addition in additions {
        let emptied = removals
            .iter()
            .any(|removal| removal.parent == addition.parent && removal.is_all(node));
        edits.push(insert(text, node, &addition, emptied)?);
    }
    edits.sort_by(|one, other| {
        let key = |edit: &TextEdit| (edit.bytes.start, edit.bytes.end);
        key(one).cmp(&key(other))
    });
    edits.dedup();
    let apart = edits
        .windows(2)
        .all(|pair| pair[0].bytes.end <= pair[1].bytes.start);
    apart.then_some(edits)
}

/// Notes a key for the deepest map that is there.
fn add<'a>(
    additions: &mut Vec<Addition<'a>>,
    node: &Node,
    steps: &[Segment<'a>],
    value: Value,
) -> Option<()> {
    let depth = (0..steps.len())
        .rev()
        .find(|depth| matches!(find(node, &steps[..*depth]), Some(there) if !there.is_null()))?;
    let (parent, rest) = steps.split_at(depth);
    let position = additions.iter().position(|known| known.parent == parent);
    let position = position.unwrap_or_else(|| {
        additions.push(Addition {
            parent: parent.to_vec(),
            keys: Map::new(),
        });
        additions.len() - 1
    });
    let (last, between) = rest.split_last()?;
    let mut map = &mut additions[position].keys;
    for step in between {
        let Segment::Key(key) = step else { return None };
        map = map
            .entry(*key)
            .or_insert_with(|| Value::Object(Map::new()))
            .as_object_mut()?;
    }
    let Segment::Key(key) = last else { return None };
    map.insert((*key).to_owned(), value);
    Some(())
}

/// Adds keys to a map; `emptied` when everything in it is removed.
fn insert(text: &str, node: &Node, addition: &Addition<'_>, emptied: bool) -> Option<TextEdit> {
    let map = find(node, &addition.parent)?;
    let Read::Mapping(entries) = &map.value else {
        return None;
    };
    let keys = &addition.keys;
    // A key without a value, or with null, is taken over.
    if let Some((name, value)) = keys.iter().next()
        && let Some(entry) = entries.iter().find(|entry| entry.key == *name)
    {
        if keys.len() > 1 {
            return None;
        }
        let json = map.flow && is_json(text, map);
        let bytes = entry.node.place.bytes.clone();
        if text[bytes.clone()].trim().is_empty() {
            let end = entry.place.bytes.end;
            let colon = end + text[end..].find(':')? + 1;
            return Some(TextEdit {
                bytes: colon..colon,
                text: format!(" {}", flow(value, json)),
            });
        }
        return Some(TextEdit {
            bytes,
            text: flow(value, json),
        });
    }
    if map.flow {
        return insert_flow(text, map, entries, keys, emptied);
    }
    // What came in by a merge key stands elsewhere. New lines follow the last one of the map, be it
    // a `<<`, which counts more than what stands above it.
    let first = entries.iter().find(|entry| !entry.merged)?;
    let end = end_of_line(text, map.place.bytes.end);
    let indent = " ".repeat(first.place.column - 1);
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines = String::new();
    block(&mut lines, keys, &indent, step(node).unwrap_or(2), line_end);
    let complete = text[..end].ends_with('\n');
    Some(TextEdit {
        bytes: end..end,
        text: if complete {
            lines
        } else {
            format!("{line_end}{}", lines.trim_end())
        },
    })
}

fn insert_flow(
    text: &str,
    map: &Node,
    entries: &[Entry],
    keys: &Map<String, Value>,
    emptied: bool,
) -> Option<TextEdit> {
    let json = is_json(text, map);
    let inner: Vec<String> = keys
        .iter()
        .map(|(key, value)| format!("{}: {}", key_text(key, json), flow(value, json)))
        .collect();
    let Some(last) = entries.iter().rfind(|entry| !entry.merged) else {
        let start = map.place.bytes.start + 1;
        return Some(TextEdit {
            bytes: start..start,
            text: inner.join(", "),
        });
    };
    let end = end(last);
    if emptied {
        return Some(TextEdit {
            bytes: end..end,
            text: inner.join(", "),
        });
    }
    // In a document with a line per key, so has the new one.
    let line_start = text[..last.place.bytes.start]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let before = &text[line_start..last.place.bytes.start];
    let separator = if before.trim().is_empty() && line_start > map.place.bytes.start {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        format!(",{line_end}{before}")
    } else {
        ", ".to_owned()
    };
    Some(TextEdit {
        bytes: end..end,
        text: inner
            .iter()
            .map(|pair| format!("{separator}{pair}"))
            .collect(),
    })
}

fn append(text: &str, list: &Node, value: &Value) -> Option<TextEdit> {
    let last = list.items().last()?;
    let json = is_json(text, list);
    if list.flow {
        let end = last.place.bytes.end;
        return Some(TextEdit {
            bytes: end..end,
            text: format!(", {}", scalar(value, json)),
        });
    }
    let line_start = text[..last.place.bytes.start]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let dash = text[line_start..last.place.bytes.start].rfind('-')?;
    let indent: String = text[line_start..line_start + dash]
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let end = end_of_line(text, last.place.bytes.end);
    let item = format!("{indent}- {}", scalar(value, json));
    let complete = text[..end].ends_with('\n');
    Some(TextEdit {
        bytes: end..end,
        text: if complete {
            format!("{item}{line_end}")
        } else {
            format!("{line_end}{item}")
        },
    })
}

/// Returns whether a map or list is written as JSON, where keys and strings are quoted.
fn is_json(text: &str, node: &Node) -> bool {
    let inside = text.get(node.place.bytes.clone()).unwrap_or_default();
    let first = inside.trim_start_matches(['{', '[', ' ', '\n', '\r', '\t']);
    if node.flow && !first.starts_with(['}', ']']) {
        return first.starts_with('"');
    }
    text.trim_start().starts_with('{')
}

fn key_text(key: &str, json: bool) -> String {
    if json {
        format!("\"{key}\"")
    } else {
        key.to_owned()
    }
}

/// Writes a value that has no parts; all that is written here are plain words and booleans.
fn scalar(value: &Value, json: bool) -> String {
    match value {
        Value::String(text) if !json => text.clone(),
        other => other.to_string(),
    }
}

fn flow(value: &Value, json: bool) -> String {
    match value {
        Value::Object(map) => {
            let inner: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", key_text(key, json), flow(value, json)))
                .collect();
            format!("{{{}}}", inner.join(", "))
        }
        Value::Array(items) => {
            let inner: Vec<String> = items.iter().map(|item| flow(item, json)).collect();
            format!("[{}]", inner.join(", "))
        }
        other => scalar(other, json),
    }
}

fn block(lines: &mut String, keys: &Map<String, Value>, indent: &str, step: usize, line_end: &str) {
    for (key, value) in keys {
        match value {
            Value::Object(map) => {
                lines.push_str(&format!("{indent}{key}:{line_end}"));
                let deeper = format!("{indent}{:step$}", "");
                block(lines, map, &deeper, step, line_end);
            }
            other => lines.push_str(&format!("{indent}{key}: {}{line_end}", flow(other, false))),
        }
    }
}

/// Returns how far this document indents a map within a map.
fn step(node: &Node) -> Option<usize> {
    if node.flow {
        return None;
    }
    let entries = node.entries().iter();
    let here = entries.clone().find_map(|entry| {
        let inner = entry.node.entries().first()?;
        let deeper = inner.place.column.checked_sub(entry.place.column)?;
        (!entry.node.flow && !inner.node.shared && deeper > 0).then_some(deeper)
    });
    here.or_else(|| {
        entries
            .map(|entry| &entry.node)
            .chain(node.items())
            .find_map(step)
    })
}
