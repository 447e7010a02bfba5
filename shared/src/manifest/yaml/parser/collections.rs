//! Sequences and mappings, in blocks and in brackets.

use super::super::scalar::{self, KeyType};
use super::super::scanner::fault;
use super::super::token::TokenKind;
use super::Parser;
use crate::manifest::fault::Fault;
use crate::manifest::map::MapBuilder;
use crate::manifest::tree::{Node, Value};

impl Parser {
    pub(super) fn block_items(&mut self) -> Result<Vec<Node>, Fault> {
        self.take()?;
        let mut items = Vec::new();
        loop {
            match self.kind()? {
                TokenKind::BlockEntry => {
                    let end = self.take()?.end;
                    items.push(match self.kind()? {
                        TokenKind::BlockEntry | TokenKind::BlockEnd => self.empty(end),
                        _ => self.node(true, false)?,
                    });
                }
                TokenKind::BlockEnd => {
                    self.take()?;
                    return Ok(items);
                }
                _ => return self.wrong_here("a list item must begin with `- ` in one column"),
            }
        }
    }

    pub(super) fn indentless_items(&mut self) -> Result<Vec<Node>, Fault> {
        let mut items = Vec::new();
        while self.kind()? == TokenKind::BlockEntry {
            let end = self.take()?.end;
            items.push(match self.kind()? {
                TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                    self.empty(end)
                }
                _ => self.node(true, false)?,
            });
        }
        Ok(items)
    }

    pub(super) fn block_entries(&mut self, map: &mut MapBuilder) -> Result<(), Fault> {
        self.take()?;
        loop {
            let key = match self.kind()? {
                TokenKind::Key => {
                    let end = self.take()?.end;
                    match self.kind()? {
                        TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => {
                            (self.empty(end), KeyType::Null)
                        }
                        _ => self.key_node(true)?,
                    }
                }
                TokenKind::BlockEnd => {
                    self.take()?;
                    return Ok(());
                }
                _ => {
                    return self
                        .wrong_here("a key, in the column of the keys above it, is missing here");
                }
            };
            let value = if self.kind()? == TokenKind::Value {
                let end = self.take()?.end;
                match self.kind()? {
                    TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd => self.empty(end),
                    _ => self.node(true, true)?,
                }
            } else {
                self.empty_here()?
            };
            self.add(map, key, value)?;
        }
    }

    pub(super) fn flow_items(&mut self) -> Result<Vec<Node>, Fault> {
        self.take()?;
        let mut items = Vec::new();
        let mut first = true;
        loop {
            if self.kind()? != TokenKind::FlowSequenceEnd {
                if !first {
                    if self.kind()? != TokenKind::FlowEntry {
                        return self.wrong_here("`,` or `]` is missing here");
                    }
                    self.take()?;
                }
                first = false;
                match self.kind()? {
                    TokenKind::Key => {
                        items.push(self.pair()?);
                        continue;
                    }
                    TokenKind::FlowSequenceEnd => {}
                    _ => {
                        items.push(self.node(false, false)?);
                        continue;
                    }
                }
            }
            self.take()?;
            return Ok(items);
        }
    }

    /// Reads `key: value` as an item of a list, which is a map of one.
    fn pair(&mut self) -> Result<Node, Fault> {
        let start = self.take()?.start;
        let mut map = MapBuilder::default();
        let key = match self.kind()? {
            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => {
                // Go's reader takes the piece itself for the key; nobody writes that.
                return fault(start, "a key is missing here");
            }
            _ => self.key_node(false)?,
        };
        let value = if self.kind()? == TokenKind::Value {
            let end = self.take()?.end;
            match self.kind()? {
                TokenKind::FlowEntry | TokenKind::FlowSequenceEnd => self.empty(end),
                _ => self.node(false, false)?,
            }
        } else {
            self.empty_here()?
        };
        self.add(&mut map, key, value)?;
        self.notes.append(&mut map.notes);
        let node = self.leaf(Value::Mapping(map.entries), start, self.end);
        Ok(self.flow(node))
    }

    pub(super) fn flow_entries(&mut self, map: &mut MapBuilder) -> Result<(), Fault> {
        self.take()?;
        let mut first = true;
        loop {
            if self.kind()? != TokenKind::FlowMappingEnd {
                if !first {
                    if self.kind()? != TokenKind::FlowEntry {
                        return self.wrong_here("`,` or `}` is missing here");
                    }
                    self.take()?;
                }
                first = false;
                match self.kind()? {
                    TokenKind::Key => {
                        self.take()?;
                        let key = match self.kind()? {
                            TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd => {
                                (self.empty_here()?, KeyType::Null)
                            }
                            _ => self.key_node(false)?,
                        };
                        let value = self.flow_value()?;
                        self.add(map, key, value)?;
                        continue;
                    }
                    TokenKind::FlowMappingEnd => {}
                    _ => {
                        let key = self.key_node(false)?;
                        let value = self.empty_here()?;
                        self.add(map, key, value)?;
                        continue;
                    }
                }
            }
            self.take()?;
            return Ok(());
        }
    }

    fn add(
        &mut self,
        map: &mut MapBuilder,
        (key, sort): (Node, KeyType),
        value: Node,
    ) -> Result<(), Fault> {
        let line = key.place.line;
        map.add(key, sort, value).map_err(|message| Fault {
            line: line - self.lines,
            message,
        })
    }

    fn wrong_at<T>(&self, node: &Node, message: &str) -> Result<T, Fault> {
        Err(Fault {
            line: node.place.line - self.lines,
            message: message.to_owned(),
        })
    }

    fn flow_value(&mut self) -> Result<Node, Fault> {
        if self.kind()? == TokenKind::Value {
            self.take()?;
            if !matches!(
                self.kind()?,
                TokenKind::FlowEntry | TokenKind::FlowMappingEnd
            ) {
                return self.node(false, false);
            }
        }
        self.empty_here()
    }

    /// Reads a key, and what sort of key it is: a quoted `<<` is an ordinary one.
    fn key_node(&mut self, block: bool) -> Result<(Node, KeyType), Fault> {
        let mut sort = None;
        if let TokenKind::Scalar { text, plain } = self.kind()? {
            sort = (plain && text == "<<").then_some(KeyType::Merge);
        }
        let tagged = matches!(self.kind()?, TokenKind::Tag { .. } | TokenKind::Anchor(_));
        let node = self.node(block, block)?;
        if tagged && node.as_str() == Some("<<") {
            return Err(Fault {
                line: node.place.line - self.lines,
                message: "`<<` with an anchor or a tag".to_owned(),
            });
        }
        let sort = match sort {
            Some(sort) => sort,
            None => scalar::key_type(&node).or_else(|message| self.wrong_at(&node, message))?,
        };
        Ok((node, sort))
    }
}
