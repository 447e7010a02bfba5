//! Changes as patches of other tools.

use serde_json::{Map, Value, json};

use super::ops::{Change, Op};
use crate::manifest::{Node, Segment, segments};

/// Writes a step of a JSON pointer (RFC 6901).
fn pointer_step(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// Returns a JSON patch (RFC 6902); what is removed from lists goes from the end, so that the
/// indices before it hold.
#[must_use]
pub fn json6902(node: &Node, ops: &[Op]) -> Value {
    let mut patch = Vec::new();
    let mut made: Vec<String> = Vec::new();
    let mut removals = Vec::new();
    for op in ops {
        let steps: Vec<Segment<'_>> = segments(&op.path).collect();
        let value = match &op.change {
            Change::Remove => {
                removals.push(pointer(&steps));
                continue;
            }
            Change::Set(value) => value.clone(),
            Change::Append(value) => json!([value]),
        };
        let mut here = Some(node);
        for (depth, step) in steps.iter().enumerate() {
            let there = here
                .and_then(|here| child(here, *step))
                .filter(|node| !node.is_null());
            let path = pointer(&steps[..=depth]);
            let last = depth + 1 == steps.len();
            if last {
                let exists = there.is_some();
                let append = matches!(op.change, Change::Append(_)) && exists;
                if append {
                    let Value::Array(items) = &value else {
                        continue;
                    };
                    patch
                        .push(json!({"op": "add", "path": format!("{path}/-"), "value": items[0]}));
                } else {
                    let verb = if exists { "replace" } else { "add" };
                    patch.push(json!({"op": verb, "path": path, "value": value}));
                }
            } else if there.is_none() && !made.contains(&path) {
                patch.push(json!({"op": "add", "path": path, "value": {}}));
                made.push(path);
            }
            here = there;
        }
    }
    removals.sort_by_key(|path| std::cmp::Reverse(natural(path)));
    patch.extend(
        removals
            .into_iter()
            .map(|path| json!({"op": "remove", "path": path})),
    );
    Value::Array(patch)
}

/// Sorts `/9` before `/10`.
fn natural(path: &str) -> Vec<(usize, String)> {
    path.split('/')
        .map(|step| (step.parse().unwrap_or(0), step.to_owned()))
        .collect()
}

fn pointer(steps: &[Segment<'_>]) -> String {
    steps
        .iter()
        .fold(String::new(), |pointer, step| match step {
            Segment::Key(key) => format!("{pointer}/{}", pointer_step(key)),
            Segment::Index(index) => format!("{pointer}/{index}"),
        })
}

fn child<'a>(node: &'a Node, step: Segment<'_>) -> Option<&'a Node> {
    match step {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.items().get(index),
    }
}

/// Returns a strategic merge patch, with what names the object. Containers are merged by name and
/// ports by number; every other list is given as a whole, as the API replaces it.
#[must_use]
pub fn strategic(node: &Node, ops: &[Op]) -> Value {
    let mut patch = Map::new();
    for key in ["apiVersion", "kind"] {
        if let Some(text) = node.get(key).and_then(Node::as_str) {
            patch.insert(key.to_owned(), json!(text));
        }
    }
    let mut metadata = Map::new();
    for key in ["name", "namespace"] {
        if let Some(text) = node.at(&format!("metadata.{key}")).and_then(Node::as_str) {
            metadata.insert(key.to_owned(), json!(text));
        }
    }
    patch.insert("metadata".to_owned(), metadata.into());
    let mut patch = Value::Object(patch);
    for op in ops {
        let steps: Vec<Segment<'_>> = segments(&op.path).collect();
        put(&mut patch, node, &steps, &op.change);
    }
    patch
}

fn put(patch: &mut Value, node: &Node, steps: &[Segment<'_>], change: &Change) {
    let none = Node::default();
    let Some((Segment::Key(key), rest)) = steps.split_first() else {
        return;
    };
    let there = node.get(key).unwrap_or(&none);
    let Value::Object(map) = patch else { return };
    if rest.is_empty() {
        let value = match change {
            Change::Set(value) => value.clone(),
            Change::Remove => Value::Null,
            Change::Append(value) => {
                let mut items: Vec<Value> = there.items().iter().map(Node::to_json).collect();
                items.push(value.clone());
                items.into()
            }
        };
        map.insert((*key).to_owned(), value);
        return;
    }
    let Some((Segment::Index(index), inner)) = rest.split_first() else {
        let below = map.entry(*key).or_insert_with(|| json!({}));
        put(below, there, rest, change);
        return;
    };
    let list = map.entry(*key).or_insert_with(|| json!([])).as_array_mut();
    let (Some(list), Some(item)) = (list, there.items().get(*index)) else {
        return;
    };
    let merge_key = match *key {
        "containers" | "initContainers" => Some("name"),
        "ports" => Some("containerPort"),
        _ => None,
    };
    if let Some(merge_key) = merge_key {
        let name = item.get(merge_key).map(Node::to_json).unwrap_or_default();
        let position = list.iter().position(|known| known[merge_key] == name);
        let position = position.unwrap_or_else(|| {
            list.push(json!({merge_key: name}));
            list.len() - 1
        });
        put(&mut list[position], item, inner, change);
        return;
    }
    // A whole list: what is in it now, marked so that later removals find their item.
    if list.is_empty() {
        list.extend(there.items().iter().map(Node::to_json));
    }
    if inner.is_empty() {
        let gone = item.to_json();
        if let Some(position) = list.iter().position(|known| *known == gone) {
            list.remove(position);
        }
    } else if let Some(known) = list.get_mut(*index) {
        remove_inner(known, inner);
    }
}

/// Takes a field out of an item of a list that is given as a whole.
fn remove_inner(value: &mut Value, steps: &[Segment<'_>]) {
    let Some((Segment::Key(key), rest)) = steps.split_first() else {
        return;
    };
    let Value::Object(map) = value else { return };
    if rest.is_empty() {
        map.remove(*key);
    } else if let Some(below) = map.get_mut(*key) {
        remove_inner(below, rest);
    }
}
