//! Values with their places.

use std::ops::Range;

use serde_json::Number;

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Bytes within the chunk.
    pub bytes: Range<usize>,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

/// A value with its place; the value of an alias has the place of its anchor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its place.
    pub place: Place,
    /// Whether it is written with brackets or braces, as JSON is.
    pub flow: bool,
    /// Whether it came in by an alias or a merge key, so is written elsewhere.
    pub shared: bool,
    /// Bytes within the chunk of the alias that stands for it here.
    pub written: Option<Range<usize>>,
}

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A map, in the order of the file.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
    /// Whether a merge key brought it in, or the list that it stands in, so that this map does not
    /// hold its text.
    pub merged: bool,
}

impl Node {
    /// Marks a value as written elsewhere; returns how many values it holds.
    pub(super) fn share(&mut self) -> usize {
        self.shared = true;
        1 + match &mut self.value {
            Value::Sequence(items) => items.iter_mut().map(Self::share).sum(),
            Value::Mapping(entries) => entries.iter_mut().map(|entry| entry.node.share()).sum(),
            _ => 0,
        }
    }

    /// Returns the entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Returns the entry of a key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Returns the string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether it is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Returns the value as JSON, without places.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => serde_json::Value::Number(number.clone()),
            Value::String(text) => text.as_str().into(),
            Value::Sequence(items) => items.iter().map(Self::to_json).collect(),
            Value::Mapping(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect(),
        }
    }

    /// Returns the value at a path such as `spec.containers[0].name`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Self> {
        segments(path).try_fold(self, |node, segment| match segment {
            Segment::Key(key) => node.get(key),
            Segment::Index(index) => node.items().get(index),
        })
    }

    /// Returns the place of a path: that of its key or list item, or of the nearest parent that is
    /// there.
    #[must_use]
    pub fn place_of(&self, path: &str) -> &Place {
        let (mut node, mut place) = (self, &self.place);
        for segment in segments(path) {
            match segment {
                Segment::Key(key) => match node.entry(key) {
                    Some(entry) => (node, place) = (&entry.node, &entry.place),
                    None => return place,
                },
                Segment::Index(index) => match node.items().get(index) {
                    Some(item) => (node, place) = (item, &item.place),
                    None => return place,
                },
            }
        }
        place
    }
}

/// A step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// Into a map.
    Key(&'a str),
    /// Into a list.
    Index(usize),
}

/// Splits `spec.containers[0]` and `metadata.annotations[a.b/c]` into steps.
pub fn segments(path: &str) -> impl Iterator<Item = Segment<'_>> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix('[') {
            let (step, after) = inside.split_once(']').unwrap_or((inside, ""));
            rest = after;
            return Some(step.parse().map_or(Segment::Key(step), Segment::Index));
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (step, after) = rest.split_at(end);
        rest = after;
        Some(Segment::Key(step))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_keys_and_indices_and_keys_with_dots() {
        let steps: Vec<_> = segments("a.b[1].c[x.y/z]").collect();
        assert_eq!(
            steps,
            [
                Segment::Key("a"),
                Segment::Key("b"),
                Segment::Index(1),
                Segment::Key("c"),
                Segment::Key("x.y/z")
            ]
        );
        assert_eq!(segments("").count(), 0);
    }
}
