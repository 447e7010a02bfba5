//! Edits a kubeconfig's text as kubectl lays it out: three lists of blocks at the top level.
//!
//! Nothing here has to be right for every YAML document: the caller reads the result back.

use std::ops::Range;

use serde_json::Value;

use crate::local::kubeconfig::merge::entry::Put;

/// Puts an entry into its list; `None` when the text is laid out in another way.
pub fn put(text: &str, put: &Put<'_>, entry: &Value) -> Option<String> {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if let Some(last) = lines.last_mut().filter(|line| !line.ends_with('\n')) {
        last.push('\n');
    }
    if lines.iter().all(|line| is_void(line)) {
        lines.extend(["apiVersion: v1\n", "kind: Config\n"].map(str::to_owned));
    }
    let key = format!("{}:", put.list.key());
    let Some(head) = lines.iter().position(|line| line.starts_with(&key)) else {
        lines.push(format!("{key}\n"));
        lines.push(block(entry, "")?);
        return Some(lines.concat());
    };
    let rest = lines[head][key.len()..].trim();
    match rest.split('#').next().map(str::trim_end) {
        Some("") | None => {}
        Some("[]" | "null" | "~") => lines[head] = format!("{key}\n"),
        Some(_) => return None,
    }
    let items = items(&lines, head + 1)?;
    let indent = items.first().map_or("", |item| {
        let line = &lines[item.start];
        &line[..line.len() - line.trim_start().len()]
    });
    let new = block(entry, indent)?;
    let same = items.iter().find(|item| {
        let text = lines[(*item).clone()].concat();
        let parsed: Option<Value> = serde_saphyr::from_str(&text).ok();
        parsed.is_some_and(|parsed| parsed[0]["name"] == put.name)
    });
    match same {
        Some(item) => lines.splice(item.clone(), [new]),
        None => {
            let end = items.last().map_or(head + 1, |item| item.end);
            lines.splice(end..end, [new])
        }
    };
    Some(lines.concat())
}

/// Returns the lines of each item of the list that begins at `start`, without what is between
/// them.
fn items(lines: &[String], start: usize) -> Option<Vec<Range<usize>>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    let mut indent = None;
    for (at, line) in lines.iter().enumerate().skip(start) {
        if is_void(line) {
            continue;
        }
        let depth = line.len() - line.trim_start().len();
        let dash = line.trim_start().starts_with("- ") || line.trim() == "-";
        if depth == 0 && !dash {
            break;
        }
        if dash && *indent.get_or_insert(depth) == depth {
            items.push(at..at + 1);
        } else {
            items.last_mut()?.end = at + 1;
        }
    }
    Some(items)
}

/// Says whether a line is empty or a comment.
fn is_void(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

fn block(entry: &Value, indent: &str) -> Option<String> {
    let text = groundcrew::output::yaml(entry).ok()?;
    let mut block = String::new();
    for (number, line) in text.lines().enumerate() {
        let lead = if number == 0 { "- " } else { "  " };
        block.push_str(format!("{indent}{lead}{line}").trim_end());
        block.push('\n');
    }
    Some(block)
}
