//! From pieces to values with places.
//!
//! Source: `parserc.go` and `decode.go` of `go.yaml.in/yaml/v2`; its states are functions here.

use std::collections::HashMap;

use super::chars::Mark;
use super::scalar;
use super::scanner::{Scanner, fault};
use super::token::{Token, TokenKind};
use crate::manifest::fault::{Fault, Note};
use crate::manifest::map::MapBuilder;
use crate::manifest::tree::{Node, Place, Value};

mod collections;

/// Values that one document may have once its aliases are followed; a bomb has more.
const MOST_NODES: usize = 2_000_000;

/// How deep values may be nested; no kind of Kubernetes comes near.
pub(in crate::manifest) const DEEPEST: usize = 100;

/// What one document holds.
#[derive(Debug, Default)]
pub(in crate::manifest) struct Read {
    /// Its value.
    pub(in crate::manifest) node: Node,
    /// What a reader of the text would not expect.
    pub(in crate::manifest) notes: Vec<Note>,
    /// The line, from the document's first, on which text begins that kubectl never looks at: what
    /// follows a `...`.
    pub(in crate::manifest) ignored: Option<usize>,
}

/// Reads one document.
pub(super) struct Parser {
    scanner: Scanner,
    /// With the number of the anchor; the value is `None` while it is not complete.
    anchors: HashMap<String, (usize, Option<Node>)>,
    anchored: usize,
    handles: Vec<(String, String)>,
    notes: Vec<Note>,
    nodes: usize,
    aliased: usize,
    depth: usize,
    /// Where the last piece that is written ends.
    end: Mark,
    /// Lines before the document in its file.
    lines: usize,
}

/// What stands before a value.
#[derive(Default)]
struct Properties {
    anchor: Option<String>,
    tag: Option<String>,
}

impl Parser {
    pub(super) fn new(text: &str, lines: usize) -> Self {
        Self {
            scanner: Scanner::new(text),
            anchors: HashMap::new(),
            anchored: 0,
            handles: Vec::new(),
            notes: Vec::new(),
            nodes: 0,
            aliased: 0,
            depth: 0,
            end: Mark::default(),
            lines,
        }
    }

    /// Reads the first document; kubectl never looks at a second one.
    pub(super) fn document(mut self) -> Result<Read, Fault> {
        let first = self.kind()?;
        if first == TokenKind::StreamEnd {
            return Ok(Read::default());
        }
        self.directives()?;
        let explicit = match self.kind()? {
            TokenKind::DocumentStart => {
                self.take()?;
                true
            }
            _ if matches!(
                first,
                TokenKind::Version { .. } | TokenKind::TagDirective { .. }
            ) =>
            {
                return self.wrong_here("a directive must be followed by ---");
            }
            _ => false,
        };
        let node = match self.kind()? {
            TokenKind::Version { .. }
            | TokenKind::TagDirective { .. }
            | TokenKind::DocumentStart
            | TokenKind::DocumentEnd
            | TokenKind::StreamEnd
                if explicit =>
            {
                self.empty_here()?
            }
            _ => self.node(true, false)?,
        };
        let marked = self.kind()? == TokenKind::DocumentEnd;
        if marked {
            self.take()?;
        }
        // Only what is looked at may be wrong: kubectl has what it wants by now.
        let ignored = match self.scanner.peek() {
            Ok(token) if token.kind == TokenKind::StreamEnd => None,
            Ok(token) => Some(token.start.line + 1),
            Err(fault) => Some(fault.line),
        };
        Ok(Read {
            node,
            notes: self.notes,
            ignored,
        })
    }

    fn kind(&mut self) -> Result<TokenKind, Fault> {
        Ok(self.scanner.peek()?.kind.clone())
    }

    fn mark(&mut self) -> Result<Mark, Fault> {
        Ok(self.scanner.peek()?.start)
    }

    fn wrong_here<T>(&mut self, message: &str) -> Result<T, Fault> {
        fault(self.mark_of_fault()?, message)
    }

    /// Returns the place to name: where the document ends it is that of its last word.
    fn mark_of_fault(&mut self) -> Result<Mark, Fault> {
        if self.kind()? == TokenKind::StreamEnd {
            return Ok(self.end);
        }
        self.mark()
    }

    fn take(&mut self) -> Result<Token, Fault> {
        let token = self.scanner.next()?;
        if !matches!(token.kind, TokenKind::BlockEnd | TokenKind::StreamEnd)
            && token.start != token.end
        {
            self.end = token.end;
        }
        Ok(token)
    }

    fn directives(&mut self) -> Result<(), Fault> {
        let mut versions = 0;
        loop {
            let mark = self.mark()?;
            match self.kind()? {
                TokenKind::Version { major, minor } => {
                    versions += 1;
                    if versions > 1 {
                        return fault(mark, "%YAML stands twice");
                    }
                    if (major, minor) != (1, 1) {
                        return fault(mark, "kubectl reads YAML 1.1, and %YAML asks for another");
                    }
                }
                TokenKind::TagDirective { handle, prefix } => {
                    if self.handles.iter().any(|(known, _)| *known == handle) {
                        return fault(mark, format!("%TAG {handle} stands twice"));
                    }
                    self.handles.push((handle, prefix));
                }
                _ => break,
            }
            self.take()?;
        }
        for (handle, prefix) in [("!", "!"), ("!!", scalar::PREFIX)] {
            if !self.handles.iter().any(|(known, _)| known == handle) {
                self.handles.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    fn node(&mut self, block: bool, indentless: bool) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let mark = self.mark()?;
            return fault(mark, format!("values nested deeper than {DEEPEST}"));
        }
        let node = self.node_inside(block, indentless);
        self.depth -= 1;
        node
    }

    fn node_inside(&mut self, block: bool, indentless: bool) -> Result<Node, Fault> {
        if let TokenKind::Alias(name) = self.kind()? {
            let token = self.take()?;
            return self.alias(&name, &token);
        }
        let properties = self.properties()?;
        self.anchored += 1;
        let number = self.anchored;
        if let Some(anchor) = &properties.anchor {
            self.anchors.insert(anchor.clone(), (number, None));
        }
        let start = self.mark()?;
        let node = match self.kind()? {
            TokenKind::BlockEntry if indentless => self.sequence(start, Self::indentless_items)?,
            TokenKind::Scalar { text, plain } => {
                let token = self.take()?;
                let value = scalar::value(text, plain, properties.tag.as_deref())
                    .or_else(|message| fault(token.start, message))?;
                self.leaf(value, start, token.end)
            }
            TokenKind::FlowSequenceStart => {
                let node = self.sequence(start, Self::flow_items)?;
                self.flow(node)
            }
            TokenKind::FlowMappingStart => {
                let node = self.mapping(start, Self::flow_entries)?;
                self.flow(node)
            }
            TokenKind::BlockSequenceStart if block => self.sequence(start, Self::block_items)?,
            TokenKind::BlockMappingStart if block => self.mapping(start, Self::block_entries)?,
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                let value = scalar::value(String::new(), true, properties.tag.as_deref())
                    .or_else(|message| fault(start, message))?;
                self.leaf(value, self.end, self.end)
            }
            other => return fault(self.mark_of_fault()?, unexpected(&other)),
        };
        self.count(1, 0, start.line + 1)?;
        // An anchor of the same name inside of the value counts more: it was met later.
        if let Some(anchor) = properties.anchor
            && let Some(known) = self.anchors.get_mut(&anchor)
            && known.0 == number
        {
            known.1 = Some(node.clone());
        }
        Ok(node)
    }

    fn properties(&mut self) -> Result<Properties, Fault> {
        let mut found = Properties::default();
        for _ in 0..2 {
            match self.kind()? {
                TokenKind::Anchor(name) if found.anchor.is_none() => {
                    self.take()?;
                    found.anchor = Some(name);
                }
                TokenKind::Tag { handle, suffix } if found.tag.is_none() => {
                    let token = self.take()?;
                    found.tag = Some(self.tag(&handle, suffix, token.start)?);
                }
                _ => break,
            }
        }
        Ok(found)
    }

    fn tag(&self, handle: &str, suffix: String, mark: Mark) -> Result<String, Fault> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        match self.handles.iter().find(|(known, _)| known == handle) {
            Some((_, prefix)) => Ok(format!("{prefix}{suffix}")),
            None => fault(mark, format!("the tag handle {handle} is not defined")),
        }
    }

    fn alias(&mut self, name: &str, token: &Token) -> Result<Node, Fault> {
        let mut node = match self.anchors.get(name) {
            Some((_, Some(node))) => node.clone(),
            Some((_, None)) => {
                return fault(token.start, format!("*{name} stands inside of &{name}"));
            }
            None => {
                return fault(
                    token.start,
                    format!("*{name} has no anchor &{name} above it"),
                );
            }
        };
        let size = node.share();
        let bytes = self.scanner.chars.byte(token.start)..self.scanner.chars.byte(token.end);
        node.written = Some(bytes);
        self.count(size, size, token.start.line + 1)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, aliased: usize, line: usize) -> Result<(), Fault> {
        self.nodes += nodes;
        self.aliased += aliased;
        // Go's reader gives up where nearly everything comes out of aliases.
        let bomb = self.aliased > 50_000 && self.aliased > self.nodes / 100 * 95;
        if self.nodes > MOST_NODES || bomb {
            return Err(Fault {
                line,
                message: format!("{} values once aliases are expanded", self.nodes),
            });
        }
        Ok(())
    }

    fn place(&self, start: Mark, end: Mark) -> Place {
        let chars = &self.scanner.chars;
        let from = chars.byte(start);
        Place {
            bytes: from..chars.byte(end).max(from),
            line: self.lines + start.line + 1,
            column: start.column + 1,
        }
    }

    fn leaf(&self, value: Value, start: Mark, end: Mark) -> Node {
        Node {
            value,
            place: self.place(start, end),
            ..Node::default()
        }
    }

    fn empty(&self, mark: Mark) -> Node {
        self.leaf(Value::Null, mark, mark)
    }

    fn empty_here(&mut self) -> Result<Node, Fault> {
        let mark = self.mark()?;
        Ok(self.empty(mark))
    }

    fn flow(&self, node: Node) -> Node {
        Node { flow: true, ..node }
    }

    fn sequence(
        &mut self,
        start: Mark,
        items: impl FnOnce(&mut Self) -> Result<Vec<Node>, Fault>,
    ) -> Result<Node, Fault> {
        let items = items(self)?;
        Ok(self.leaf(Value::Sequence(items), start, self.end))
    }

    fn mapping(
        &mut self,
        start: Mark,
        entries: impl FnOnce(&mut Self, &mut MapBuilder) -> Result<(), Fault>,
    ) -> Result<Node, Fault> {
        let mut map = MapBuilder::default();
        entries(self, &mut map)?;
        self.notes.append(&mut map.notes);
        Ok(self.leaf(Value::Mapping(map.entries), start, self.end))
    }
}

fn unexpected(kind: &TokenKind) -> &'static str {
    match kind {
        TokenKind::StreamEnd | TokenKind::DocumentStart | TokenKind::DocumentEnd => {
            "the document ends where a value must be"
        }
        TokenKind::FlowSequenceEnd => "`]` without a `[`",
        TokenKind::FlowMappingEnd => "`}` without a `{`",
        TokenKind::FlowEntry => "`,` where a value must be",
        TokenKind::BlockEntry => "`- ` where a value must be",
        TokenKind::Value | TokenKind::Key => "a key or a `:` where a value must be",
        _ => "a value is missing here, or is not indented as it must be",
    }
}
