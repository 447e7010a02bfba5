//! Pieces of CEL.

use serde_json::Value;

use super::super::policy::IdRange;

/// A field of a policy and what it asks for; a field that allows everything has none.
pub(super) type Condition = (&'static str, String);

/// Writes a string of CEL; its escapes are those of JSON.
pub(super) fn text(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes a list of strings.
pub(super) fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(text).collect();
    format!("[{}]", items.join(", "))
}

/// Returns whether a number is in one of the ranges.
pub(super) fn within(number: &str, ranges: &[IdRange]) -> String {
    if ranges.is_empty() {
        return "false".to_owned();
    }
    let parts: Vec<String> = ranges
        .iter()
        .map(|IdRange { min, max }| match min == max {
            true => format!("{number} == {min}"),
            false => format!("({number} >= {min} && {number} <= {max})"),
        })
        .collect();
    format!("({})", parts.join(" || "))
}
