//! The objects of a document.

use super::fault::Fault;
use super::tree::{Node, Value};

/// Hands over every object of a document, or why one is none; lists are opened. Source:
/// `unstructuredJSONScheme` in `pkg/apis/meta/v1/unstructured/helpers.go` of
/// `k8s.io/apimachinery`.
pub fn objects(document: &Node) -> Vec<Result<&Node, Fault>> {
    let mut found = Vec::new();
    open(document, 0, &mut found);
    found
}

fn open<'a>(node: &'a Node, depth: usize, found: &mut Vec<Result<&'a Node, Fault>>) {
    let text = |key: &str| node.get(key).and_then(Node::as_str).unwrap_or_default();
    let refuse = |message: &str| {
        Err(Fault {
            line: node.place.line,
            message: message.to_owned(),
        })
    };
    if !matches!(node.value, Value::Mapping(_)) {
        found.push(refuse("not an object: it is not a map"));
        return;
    }
    let kind = text("kind");
    if kind.is_empty() {
        found.push(refuse("not a manifest: kind is missing"));
        return;
    }
    let Some(items) = node.get("items") else {
        found.push(Ok(node));
        return;
    };
    match &items.value {
        Value::Null if kind.ends_with("List") => {}
        Value::Sequence(items) if kind.ends_with("List") && depth < 8 => {
            for item in items {
                open(item, depth + 1, found);
            }
        }
        _ => found.push(refuse("`items` in what is not a list")),
    }
}
