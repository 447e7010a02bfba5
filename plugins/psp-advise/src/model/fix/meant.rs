//! What changed is what was meant to change, and nothing else.
//!
//! A policy looks at a few fields only, so deciding again says nothing of an image that went astray
//! with a line: the whole document is compared.

use serde_json::{Map, Value};

use super::ops::{Change, Op};
use super::patch::without_nulls;
use crate::model::manifest::{Node, Segment, objects, segments};

/// Returns whether `after` is `before` with the changes of one object, and nothing more.
pub(super) fn as_meant(before: &Node, object: &Node, after: &Node, ops: &[Op]) -> bool {
    let (old, new) = (parts(before), parts(after));
    old.len() == new.len()
        && old.iter().zip(&new).all(|(old, new)| {
            let (mut expected, mut found) = (old.to_json(), new.to_json());
            if std::ptr::eq(*old, object) {
                carry_out(&mut expected, ops);
                // What is left of an emptied map says the same in each of its forms.
                for op in ops.iter().filter(|op| op.change == Change::Remove) {
                    let steps: Vec<Segment<'_>> = segments(&op.path).collect();
                    if let Some((_, parent)) = steps.split_last() {
                        empty_is_null(&mut expected, parent);
                        empty_is_null(&mut found, parent);
                    }
                }
            }
            without_nulls(expected) == without_nulls(found)
        })
}

/// Everything in a document that is an object, or the document itself where there is none.
fn parts(document: &Node) -> Vec<&Node> {
    let list = document.items();
    if !list.is_empty() {
        return list.iter().collect();
    }
    let found: Vec<&Node> = objects(document).into_iter().flatten().collect();
    if found.is_empty() {
        vec![document]
    } else {
        found
    }
}

fn carry_out(object: &mut Value, ops: &[Op]) {
    for op in ops {
        let steps: Vec<Segment<'_>> = segments(&op.path).collect();
        match &op.change {
            Change::Set(value) => {
                if let Some(place) = make(object, &steps) {
                    *place = value.clone();
                }
            }
            Change::Append(value) => {
                if let Some(place) = make(object, &steps) {
                    match place {
                        Value::Array(items) => items.push(value.clone()),
                        other => *other = Value::Array(vec![value.clone()]),
                    }
                }
            }
            Change::Remove => {}
        }
    }
    // Later items first, so that the numbers of those before them stay.
    let mut gone: Vec<Vec<Segment<'_>>> = ops
        .iter()
        .filter(|op| op.change == Change::Remove)
        .map(|op| segments(&op.path).collect())
        .collect();
    gone.sort_by_key(|steps| match steps.last() {
        Some(Segment::Index(index)) => std::cmp::Reverse(*index),
        _ => std::cmp::Reverse(0),
    });
    gone.dedup();
    for steps in gone {
        let Some((last, parent)) = steps.split_last() else {
            continue;
        };
        match (at(object, parent), last) {
            (Some(Value::Object(map)), Segment::Key(key)) => {
                map.remove(*key);
            }
            (Some(Value::Array(items)), Segment::Index(index)) if *index < items.len() => {
                items.remove(*index);
            }
            _ => {}
        }
    }
}

fn at<'a>(value: &'a mut Value, steps: &[Segment<'_>]) -> Option<&'a mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Segment::Key(key) => value.get_mut(*key),
        Segment::Index(index) => value.get_mut(*index),
    })
}

/// Returns the place of a value; maps on the way are made.
fn make<'a>(value: &'a mut Value, steps: &[Segment<'_>]) -> Option<&'a mut Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Segment::Key(key) => {
            if value.is_null() {
                *value = Value::Object(Map::new());
            }
            let map = value.as_object_mut()?;
            Some(map.entry(*key).or_insert(Value::Null))
        }
        Segment::Index(index) => value.get_mut(*index),
    })
}

fn empty_is_null(object: &mut Value, steps: &[Segment<'_>]) {
    if let Some(place) = at(object, steps)
        && (place.as_object().is_some_and(Map::is_empty)
            || place.as_array().is_some_and(Vec::is_empty))
    {
        *place = Value::Null;
    }
}
