//! Errors in the words of `k8s.io/apimachinery/pkg/util/validation/field`.

use crate::model::text::go_quote;

/// `path: Invalid value: VALUE: detail`; `value` is printed already.
pub(super) fn invalid(path: &str, value: &str, detail: &str) -> String {
    if detail.is_empty() {
        format!("{path}: Invalid value: {value}")
    } else {
        format!("{path}: Invalid value: {value}: {detail}")
    }
}

/// `path: Required value: detail`.
pub(super) fn required(path: &str, detail: &str) -> String {
    if detail.is_empty() {
        format!("{path}: Required value")
    } else {
        format!("{path}: Required value: {detail}")
    }
}

/// `path: Forbidden: detail`.
pub(super) fn forbidden(path: &str, detail: &str) -> String {
    format!("{path}: Forbidden: {detail}")
}

/// Prints a list as `%#v` does: `[]int64{1, 2}`, and `[]int64(nil)` for one that is not set.
pub(super) fn go_list(kind: &str, items: Option<Vec<String>>) -> String {
    match items {
        None => format!("[]{kind}(nil)"),
        Some(items) => format!("[]{kind}{{{}}}", items.join(", ")),
    }
}

/// Prints a pointer to a boolean: nil is the string `null`.
pub(super) fn boolean(value: Option<bool>) -> String {
    value.map_or_else(|| go_quote("null"), |value| value.to_string())
}
