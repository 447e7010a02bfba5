//! The matrix as a table, CSV, Markdown and JSON.

use can_i_audit::policy::Policy;
use groundcrew::error::Result;
use groundcrew::output::{Document, Kind, Table, json};
use serde_json::{Value, json};

use super::super::Based;
use super::{Matrix, Row};

/// Columns that a table has room for; the others are left to `-o csv` and `-o html`.
const ROOM: usize = 8;
/// What people ask about first.
const FIRST: [&str; 8] = [
    "secrets",
    "pods",
    "deployments.apps",
    "configmaps",
    "services",
    "roles.rbac.authorization.k8s.io",
    "namespaces",
    "nodes",
];

/// Marks where each cell is one verb, letters where it is several.
pub(super) fn table(matrix: &Matrix, verbs: &[String], ascii: bool) -> String {
    let shown = chosen(matrix);
    let mut headers: Vec<String> = matrix.head.iter().map(|&word| word.to_owned()).collect();
    headers.extend(shown.iter().map(|at| {
        let title = matrix.columns[*at].as_str();
        let title = title.split('.').next().unwrap_or_default();
        title.to_uppercase()
    }));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let mut table = Table::new(Some(&headers));
    for row in &matrix.rows {
        let mut cells = row.names.clone();
        for at in &shown {
            let verbs_here = &row.cells[*at];
            cells.push(match (matrix.marks, verbs_here.is_empty(), ascii) {
                (true, false, false) => "✔".to_owned(),
                (true, true, false) => "✖".to_owned(),
                (true, false, true) => "yes".to_owned(),
                (true, true, true) => "no".to_owned(),
                (false, true, _) => "-".to_owned(),
                (false, false, _) => letters(verbs_here, verbs),
            });
        }
        table.row(cells);
    }
    table.render()
}

fn chosen(matrix: &Matrix) -> Vec<usize> {
    if matrix.columns.len() <= ROOM {
        return (0..matrix.columns.len()).collect();
    }
    let places = FIRST
        .iter()
        .filter_map(|first| matrix.columns.iter().position(|column| column == first));
    places.collect()
}

/// The letter of a verb: `x` is deletecollection.
fn letter(verb: &str) -> String {
    match verb {
        "deletecollection" => "x".to_owned(),
        "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" => {
            verb.chars().take(1).collect()
        }
        other => format!("[{other}]"),
    }
}

fn letters(here: &[u8], verbs: &[String]) -> String {
    here.iter()
        .filter_map(|at| verbs.get(usize::from(*at)))
        .map(|verb| letter(verb))
        .collect()
}

/// What the letters mean.
pub(super) fn legend(verbs: &[String]) -> String {
    let words: Vec<String> = verbs
        .iter()
        .map(|verb| format!("{} {verb}", letter(verb)))
        .collect();
    format!("{}; all resources: -o csv or -o html", words.join(", "))
}

fn words(row: &Row, at: usize, verbs: &[String]) -> String {
    let here = row.cells[at].iter();
    let words: Vec<&str> = here
        .filter_map(|verb| verbs.get(usize::from(*verb)))
        .map(String::as_str)
        .collect();
    words.join(" ")
}

/// RFC 4180, every resource.
pub(super) fn csv(matrix: &Matrix, verbs: &[String]) -> String {
    let mut text = String::new();
    let head = matrix.head.iter().map(|word| word.to_lowercase());
    let titles: Vec<String> = head.chain(matrix.columns.iter().cloned()).collect();
    for (index, title) in titles.iter().enumerate() {
        field(&mut text, title, index > 0);
    }
    text.push_str("\r\n");
    for row in &matrix.rows {
        for (index, name) in row.names.iter().enumerate() {
            field(&mut text, name, index > 0);
        }
        for cell in &row.cells {
            text.push(',');
            for (index, verb) in cell.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                if let Some(verb) = verbs.get(usize::from(*verb)) {
                    text.push_str(verb);
                }
            }
        }
        text.push_str("\r\n");
    }
    text
}

fn field(text: &mut String, word: &str, comma: bool) {
    if comma {
        text.push(',');
    }
    // A spreadsheet would take these for formulas.
    let formula = word.starts_with(['=', '+', '-', '@']);
    if formula || word.contains([',', '"', '\n', '\r']) {
        text.push('"');
        if formula {
            text.push('\'');
        }
        text.push_str(&word.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(word);
    }
}

/// A table for pull requests.
pub(super) fn markdown(matrix: &Matrix, verbs: &[String]) -> String {
    let head = matrix.head.iter().map(|word| word.to_lowercase());
    let titles: Vec<String> = head.chain(matrix.columns.iter().cloned()).collect();
    let mut text = format!("| {} |\n", titles.join(" | "));
    text.push_str(&format!("|{}\n", "---|".repeat(titles.len())));
    for row in &matrix.rows {
        let mut cells: Vec<String> = row
            .names
            .iter()
            .map(|name| name.replace('|', "\\|"))
            .collect();
        cells.extend((0..row.cells.len()).map(|at| words(row, at, verbs)));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// One object for each row, resources without access left out.
pub(super) fn document(policy: &Policy, matrix: &Matrix, verbs: &[String]) -> Result<String> {
    let rows: Vec<Value> = matrix
        .rows
        .iter()
        .map(|row| {
            let mut object = serde_json::Map::new();
            for (head, name) in matrix.head.iter().zip(&row.names) {
                object.insert(head.to_lowercase(), json!(name));
            }
            let mut access = serde_json::Map::new();
            for (at, column) in matrix.columns.iter().enumerate() {
                if !row.cells[at].is_empty() {
                    let here: Vec<&String> = row.cells[at]
                        .iter()
                        .filter_map(|verb| verbs.get(usize::from(*verb)))
                        .collect();
                    access.insert(column.clone(), json!(here));
                }
            }
            object.insert("access".to_owned(), Value::Object(access));
            Value::Object(object)
        })
        .collect();
    json(&Document::new(
        Kind::AccessMatrix,
        Based {
            complete: policy.is_complete(),
            missing: &policy.gaps,
            body: json!({"rows": rows}),
        },
    ))
}
