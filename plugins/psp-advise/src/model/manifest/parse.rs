//! From text to values with places.

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle};

use super::scalar::resolve;
use super::split::Chunk;
use super::tree::{Entry, Node, Place, Value};

/// Values that one document may have once its aliases are followed; a bomb has more.
const MOST_NODES: usize = 2_000_000;

/// Why a document cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads one document.
///
/// # Errors
///
/// What is wrong on which line: invalid YAML, a duplicate key, an unrendered template.
pub fn parse(chunk: Chunk<'_>) -> Result<Node, Fault> {
    let mut builder = Builder {
        chunk,
        anchors: HashMap::new(),
        nodes: 0,
    };
    builder.document().map_err(|fault| {
        if chunk.text.contains("{{") {
            Fault {
                message: "a template, not a manifest: render it first".to_owned(),
                ..fault
            }
        } else {
            fault
        }
    })
}

struct Builder<'a> {
    chunk: Chunk<'a>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// A list or map that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key that waits for its value.
    key: Option<(String, Place)>,
}

impl Builder<'_> {
    fn document(&mut self) -> Result<Node, Fault> {
        let options = Options::default();
        let text = self.chunk.text;
        let mut stack: Vec<Open> = Vec::new();
        let mut document = Node::default();
        for next in Parser::new_from_str_with_options(text, options) {
            let (event, span) = next.map_err(|error| self.unreadable(&error))?;
            let place = self.place(&span);
            let (node, anchor) = match event {
                Event::Scalar(value, style, anchor, tag) => {
                    let tag = tag.as_deref().and_then(|tag| tag.core_suffix());
                    let value = match (style, tag) {
                        (_, Some("str")) => Value::String(value.into_owned()),
                        (ScalarStyle::Plain, _) | (_, Some("int" | "float" | "bool" | "null")) => {
                            resolve(&value)
                        }
                        _ => Value::String(value.into_owned()),
                    };
                    (leaf(value, place), anchor)
                }
                Event::SequenceStart(style, anchor, _) => {
                    stack.push(open(Value::Sequence(Vec::new()), place, style, anchor));
                    continue;
                }
                Event::MappingStart(style, anchor, _) => {
                    stack.push(open(Value::Mapping(Vec::new()), place, style, anchor));
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some(mut open) = stack.pop() else {
                        continue;
                    };
                    open.node.place.bytes.end = place.bytes.end.max(open.node.place.bytes.start);
                    (open.node, open.anchor)
                }
                Event::Alias(id) => (self.alias(id, &place)?, 0),
                _ => continue,
            };
            self.count(1, place_line(&node))?;
            if anchor != 0 {
                self.anchors.insert(anchor, node.clone());
            }
            match stack.last_mut() {
                Some(parent) => insert(parent, node)?,
                None => document = node,
            }
        }
        Ok(document)
    }

    fn alias(&mut self, id: usize, place: &Place) -> Result<Node, Fault> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(Fault {
                line: place.line,
                message: "an alias inside its own anchor".to_owned(),
            });
        };
        let mut node = node.clone();
        let size = share(&mut node);
        self.count(size, place.line)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        if self.nodes > MOST_NODES {
            return Err(Fault {
                line,
                message: format!("more than {MOST_NODES} values once aliases are expanded"),
            });
        }
        Ok(())
    }

    fn place(&self, span: &Span) -> Place {
        Place {
            bytes: span.byte_range().unwrap_or_default(),
            line: self.chunk.lines + span.start.line(),
            column: span.start.col() + 1,
        }
    }

    fn unreadable(&self, error: &ScanError) -> Fault {
        Fault {
            line: self.chunk.lines + error.marker().line(),
            message: format!("not YAML: {}", error.info()),
        }
    }
}

fn place_line(node: &Node) -> usize {
    node.place.line
}

fn leaf(value: Value, place: Place) -> Node {
    Node {
        value,
        place,
        flow: false,
        shared: false,
    }
}

fn open(value: Value, place: Place, style: StructureStyle, anchor: usize) -> Open {
    Open {
        node: Node {
            value,
            place,
            flow: style == StructureStyle::Flow,
            shared: false,
        },
        anchor,
        key: None,
    }
}

/// Puts a value where it belongs: into a list, as a key, or as the value of the key before.
fn insert(parent: &mut Open, node: Node) -> Result<(), Fault> {
    match &mut parent.node.value {
        Value::Sequence(items) => items.push(node),
        Value::Mapping(entries) => match parent.key.take() {
            None => parent.key = Some(key(node)?),
            Some((key, place)) => {
                if key == "<<" && matches!(node.value, Value::Mapping(_) | Value::Sequence(_)) {
                    merge(entries, node);
                } else if let Some(known) = entries.iter_mut().find(|entry| entry.key == key) {
                    // What a merge brought in gives way; what was written may not stand twice.
                    if !known.node.shared || known.place.line == place.line {
                        return Err(Fault {
                            line: place.line,
                            message: format!(
                                "duplicate key \"{key}\", first on line {}",
                                known.place.line
                            ),
                        });
                    }
                    known.node = node;
                    known.place = place;
                } else {
                    entries.push(Entry { key, place, node });
                }
            }
        },
        _ => {}
    }
    Ok(())
}

fn key(node: Node) -> Result<(String, Place), Fault> {
    let key = match node.value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => "null".to_owned(),
        Value::Sequence(_) | Value::Mapping(_) => {
            return Err(Fault {
                line: node.place.line,
                message: "a key is a list or a map".to_owned(),
            });
        }
    };
    Ok((key, node.place))
}

/// `<<`: what is there already wins, earlier sources win over later ones.
fn merge(entries: &mut Vec<Entry>, mut node: Node) {
    share(&mut node);
    match node.value {
        Value::Mapping(more) => {
            for entry in more {
                if !entries.iter().any(|known| known.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
        Value::Sequence(sources) => {
            for source in sources {
                merge(entries, source);
            }
        }
        _ => {}
    }
}

/// Marks a value as written elsewhere; returns how many values it holds.
fn share(node: &mut Node) -> usize {
    node.shared = true;
    1 + match &mut node.value {
        Value::Sequence(items) => items.iter_mut().map(share).sum(),
        Value::Mapping(entries) => entries.iter_mut().map(|entry| share(&mut entry.node)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::split;

    fn read(text: &str) -> Result<Node, Fault> {
        parse(split(text)[0])
    }

    #[test]
    fn every_value_knows_its_line_in_the_file() {
        let text = "a: 1\n---\nspec:\n  list:\n  - name: x\n    on: off\n";
        let node = parse(split(text)[1]).unwrap();
        assert_eq!(node.place_of("spec.list[0].name").line, 5);
        assert_eq!(node.place_of("spec.list[0].missing.field").line, 5);
        assert_eq!(node.place_of("spec.list[0].true").line, 6);
        assert_eq!(
            node.at("spec.list[0].true").unwrap().value,
            Value::Bool(false)
        );
    }

    #[test]
    fn anchors_aliases_and_merge_keys_are_followed() {
        let node = read("a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\n").unwrap();
        assert_eq!(node.at("b.p").unwrap().value, node.at("a.p").unwrap().value);
        assert_eq!(node.at("c.q").unwrap().value, Value::Number(3.into()));
        assert!(node.at("b.p").unwrap().shared && node.at("c.p").unwrap().shared);
        assert!(!node.at("c.q").unwrap().shared);
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_with_both_lines() {
        let fault = read("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!((fault.line, fault.message.contains("line 1")), (3, true));
    }

    #[test]
    fn a_template_is_called_one() {
        let fault = read("a:\n  {{- if .Values.x }}\n  b: 1\n").unwrap_err();
        assert!(fault.message.contains("render it first"), "{fault:?}");
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let before = level - 1;
            let aliases = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(read(&text).unwrap_err().message.contains("aliases"));
    }

    #[test]
    fn json_with_tabs_is_read() {
        let node = read("{\n\t\"a\": [\n\t\t{\"b\": true}\n\t]\n}\n").unwrap();
        assert_eq!(node.at("a[0].b").unwrap().value, Value::Bool(true));
    }
}
