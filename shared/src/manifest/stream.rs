//! From a file's bytes to its documents.
//!
//! Source: `YAMLOrJSONDecoder` and `YAMLReader` in `pkg/util/yaml/decoder.go` of
//! `k8s.io/apimachinery`, and `FileVisitor` of `k8s.io/cli-runtime`.

use super::fault::{Fault, Note};
use super::json::Json;
use super::tree::{Entry, Node, Value};
use super::yaml;

/// How a document is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// YAML, or JSON that stands among YAML.
    #[default]
    Yaml,
    /// One of a stream of JSON values.
    Json,
}

/// The text of one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The text.
    pub text: &'a str,
    /// Bytes before it in the file.
    pub offset: usize,
    /// Lines before it in the file.
    pub lines: usize,
    /// How it is written.
    pub form: Form,
}

/// A document of a file.
#[derive(Debug)]
pub struct Document<'a> {
    /// Its text.
    pub chunk: Chunk<'a>,
    /// Its value, or why kubectl does not read it, or not surely in the same way.
    pub node: Result<Node, Fault>,
    /// What a reader of the text would not expect.
    pub notes: Vec<Note>,
    /// What stands behind the value and is never looked at.
    pub ignored: Option<Fault>,
}

/// Reads all documents of a file, as kubectl does; one that is broken does not hide the others.
/// Documents without a value are left out.
#[must_use]
pub fn documents(text: &str) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    each(text, |document| found.push(document));
    found
}

/// Hands over the documents of a file one by one, so that no more than one of them is in memory; as
/// [`documents`] otherwise.
pub fn each<'a>(text: &'a str, mut take: impl FnMut(Document<'a>)) {
    let mut count = 0;
    let mut yaml_from = (0, 0);
    if text.trim_start().starts_with('{') {
        let mut json = Json::new(text, 0);
        let mut start = 0;
        loop {
            match json.next() {
                Ok(None) => return,
                Ok(Some(node)) => {
                    let chunk = chunk(text, start..json.position(), Form::Json);
                    count += 1;
                    take(Document {
                        node: Ok(within(node, &chunk)),
                        notes: std::mem::take(&mut json.notes),
                        ignored: None,
                        chunk,
                    });
                    start = json.position();
                }
                // Two values make it a stream of JSON for good.
                Err(fault) if count > 1 => {
                    let chunk = chunk(text, start..text.len(), Form::Json);
                    return take(broken(chunk, fault));
                }
                Err(fault) => {
                    let rest = &text[start..];
                    if count == 0 && looks_like_json(rest) && yaml_fails(rest) {
                        return take(broken(chunk(text, 0..text.len(), Form::Json), fault));
                    }
                    if rest.trim().is_empty() {
                        let chunk = chunk(text, start..text.len(), Form::Json);
                        return take(broken(chunk, fault));
                    }
                    let blank = rest.len() - rest.trim_start().len();
                    let newline = rest[..blank].find('\n').map_or(blank, |at| at + 1);
                    let from = start + newline;
                    yaml_from = (from, text[..from].matches('\n').count());
                    break;
                }
            }
        }
    }
    split(text, yaml_from, &mut |document| {
        let empty = document.node.as_ref().is_ok_and(Node::is_null);
        if !empty || document.ignored.is_some() {
            take(document);
        }
    });
}

fn looks_like_json(text: &str) -> bool {
    let inside = text.trim_start().strip_prefix('{').unwrap_or_default();
    inside.trim_start().starts_with('"')
}

fn yaml_fails(text: &str) -> bool {
    let mut fails = false;
    split(text, (0, 0), &mut |document| {
        fails |= document.node.is_err();
    });
    fails
}

fn broken(chunk: Chunk<'_>, fault: Fault) -> Document<'_> {
    Document {
        chunk,
        node: Err(fault),
        notes: Vec::new(),
        ignored: None,
    }
}

fn chunk(text: &str, bytes: std::ops::Range<usize>, form: Form) -> Chunk<'_> {
    let lines = text[..bytes.start].matches('\n').count();
    Chunk {
        form,
        ..part(text, bytes, lines)
    }
}

/// Moves places of a file into one of its chunks.
fn within(mut node: Node, chunk: &Chunk<'_>) -> Node {
    fn shift(node: &mut Node, by: usize) {
        let bytes = &mut node.place.bytes;
        *bytes = bytes.start - by..bytes.end - by;
        match &mut node.value {
            Value::Sequence(items) => items.iter_mut().for_each(|item| shift(item, by)),
            Value::Mapping(entries) => {
                for Entry { place, node, .. } in entries {
                    place.bytes = place.bytes.start - by..place.bytes.end - by;
                    shift(node, by);
                }
            }
            _ => {}
        }
    }
    if chunk.offset > 0 {
        shift(&mut node, chunk.offset);
    }
    complete(&mut node);
    node
}

/// Splits where a line begins with `---`, inside of quotes and blocks as well. The line belongs to
/// the document behind it only when nothing stands before it.
fn split<'a>(text: &'a str, (from, lines): (usize, usize), take: &mut dyn FnMut(Document<'a>)) {
    let (mut start, mut start_line) = (from, lines);
    let mut offset = from;
    for (line_number, line) in (lines..).zip(text[from..].split_inclusive('\n')) {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            let alone = rest.is_empty() || rest.starts_with('#');
            let empty = start == offset;
            if !empty {
                take(read(part(text, start..offset, start_line)));
                (start, start_line) = if alone {
                    (offset + line.len(), line_number + 1)
                } else {
                    (offset, line_number)
                };
            }
            if !alone {
                let chunk = part(text, offset..offset + line.len(), line_number);
                let fault = Fault {
                    line: line_number + 1,
                    message: "kubectl allows nothing but a comment behind ---".to_owned(),
                };
                take(broken(chunk, fault));
            }
        }
        offset += line.len();
    }
    if start < text.len() {
        take(read(part(text, start..text.len(), start_line)));
    }
}

fn part(text: &str, bytes: std::ops::Range<usize>, lines: usize) -> Chunk<'_> {
    Chunk {
        text: &text[bytes.clone()],
        offset: bytes.start,
        lines,
        form: Form::Yaml,
    }
}

/// Reads one document.
fn read(chunk: Chunk<'_>) -> Document<'_> {
    match yaml::read(chunk.text, chunk.lines) {
        Ok(mut read) => {
            complete(&mut read.node);
            Document {
                chunk,
                node: Ok(read.node),
                notes: read.notes,
                ignored: read.ignored.map(|line| Fault {
                    line,
                    message: "kubectl does not read what follows `...`".to_owned(),
                }),
            }
        }
        Err(fault) => broken(chunk, fault),
    }
}

/// Reads the text of one document again.
///
/// # Errors
///
/// What is wrong on which line.
pub fn parse(chunk: Chunk<'_>) -> Result<Node, Fault> {
    match chunk.form {
        Form::Yaml => read(chunk).node,
        Form::Json => {
            let mut node = Json::new(chunk.text, chunk.lines)
                .next()?
                .unwrap_or_default();
            complete(&mut node);
            Ok(node)
        }
    }
}

/// Gives the items of a list the kind and the version that they lack, as kubectl does. Source:
/// `decodeToList` in `unstructured/helpers.go` of `k8s.io/apimachinery`.
fn complete(node: &mut Node) {
    let text = |key: &str| node.get(key).and_then(Node::as_str).map(str::to_owned);
    let (Some(version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        return;
    };
    let Some(kind) = kind.strip_suffix("List").filter(|kind| !kind.is_empty()) else {
        return;
    };
    let Value::Mapping(entries) = &mut node.value else {
        return;
    };
    let items = entries.iter_mut().find(|entry| entry.key == "items");
    let Some(Value::Sequence(items)) = items.map(|entry| &mut entry.node.value) else {
        return;
    };
    for item in items {
        let lacks = |key: &str| {
            item.get(key)
                .is_none_or(|value| value.is_null() || value.as_str() == Some(""))
        };
        if !lacks("apiVersion") || !lacks("kind") {
            continue;
        }
        let place = item.place.clone();
        let Value::Mapping(fields) = &mut item.value else {
            continue;
        };
        fields.retain(|field| !matches!(field.key.as_str(), "apiVersion" | "kind"));
        for (key, value) in [("kind", kind), ("apiVersion", &version)] {
            let node = Node {
                value: Value::String(value.to_owned()),
                place: place.clone(),
                shared: true,
                ..Node::default()
            };
            let entry = Entry {
                key: key.to_owned(),
                place: place.clone(),
                node,
                merged: true,
            };
            fields.insert(0, entry);
        }
    }
}
