//! Maps as Go's readers fill them: from top to bottom, and what comes later counts.

use std::collections::HashMap;

use super::fault::Note;
use super::tree::{Entry, Node, Value};
use super::yaml::scalar::KeyType;

/// A map that is not complete yet.
#[derive(Default)]
pub(super) struct MapBuilder {
    pub(super) entries: Vec<Entry>,
    pub(super) notes: Vec<Note>,
    places: HashMap<String, (usize, KeyType)>,
}

impl MapBuilder {
    /// Adds a key, or what a `<<` brings in: it counts more than what stands above it, and an
    /// earlier source of a list more than a later one. Source: `merge` in `decode.go` of
    /// `go.yaml.in/yaml/v2`; YAML's own rule is another.
    pub(super) fn add(&mut self, key: Node, sort: KeyType, value: Node) -> Result<(), String> {
        let text = match key.value {
            Value::String(_) if sort == KeyType::Merge => return self.merge(value),
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => return Err("a key without a name".to_owned()),
            Value::Sequence(_) | Value::Mapping(_) => {
                return Err("a list or a map as a key".to_owned());
            }
        };
        let entry = Entry {
            key: text,
            place: key.place,
            node: value,
            merged: false,
        };
        self.set(entry, sort)
    }

    fn merge(&mut self, value: Node) -> Result<(), String> {
        let aliased = value.written.is_some();
        let refuse = || Err("`<<` takes a map or a list of maps".to_owned());
        match value.value {
            Value::Mapping(entries) => self.merge_one(entries),
            Value::Sequence(sources) if !aliased => {
                for source in sources.into_iter().rev() {
                    let Value::Mapping(entries) = source.value else {
                        return refuse();
                    };
                    self.merge_one(entries)?;
                }
                Ok(())
            }
            _ => refuse(),
        }
    }

    fn merge_one(&mut self, entries: Vec<Entry>) -> Result<(), String> {
        for mut entry in entries {
            entry.node.share();
            entry.merged = true;
            self.set(entry, KeyType::String)?;
        }
        Ok(())
    }

    fn set(&mut self, entry: Entry, sort: KeyType) -> Result<(), String> {
        if let Some((place, before)) = self.places.remove(&entry.key) {
            if before != sort {
                return Err(format!(
                    "the key {:?} stands twice, in two types",
                    entry.key
                ));
            }
            let known = self.entries.remove(place);
            for (other, _) in self.places.values_mut() {
                *other -= usize::from(*other > place);
            }
            if !known.merged && !entry.merged {
                self.notes.push(Note {
                    line: entry.place.line,
                    message: format!(
                        "{:?} stands twice, first on line {}; kubectl takes the last one",
                        entry.key, known.place.line
                    ),
                });
            } else if !known.merged {
                self.notes.push(Note {
                    line: known.place.line,
                    message: format!(
                        "{:?} is overridden by the << below it, as kubectl reads it",
                        entry.key
                    ),
                });
            }
        }
        self.places
            .insert(entry.key.clone(), (self.entries.len(), sort));
        self.entries.push(entry);
        Ok(())
    }
}
