//! The matrix as CSV, Markdown and JSON, with every resource.

use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;

use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Policy;
use groundcrew::output::write_json;
use groundcrew::report::markdown;
use groundcrew::ui::visible;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::layout::{Cells, Matrix, Row};
use crate::commands::answer::based;

/// RFC 4180, every resource.
pub(super) fn csv(matrix: &Matrix, verbs: &[String], out: &mut dyn Write) -> io::Result<()> {
    let mut line = String::new();
    let head = matrix.head.iter().map(|word| word.to_lowercase());
    let titles: Vec<String> = head.chain(matrix.columns.iter().cloned()).collect();
    for (index, title) in titles.iter().enumerate() {
        field(&mut line, &visible(title), index > 0);
    }
    line.push_str("\r\n");
    out.write_all(line.as_bytes())?;
    // Rows that hold the same are written out once.
    let mut known: HashMap<*const Cells, String> = HashMap::new();
    for row in &matrix.rows {
        line.clear();
        for (index, name) in row.names.iter().enumerate() {
            field(&mut line, &visible(name), index > 0);
        }
        let fields = known
            .entry(Rc::as_ptr(&row.cells))
            .or_insert_with(|| fields(&row.cells, matrix.columns.len(), verbs));
        line.push_str(fields);
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// The fields of a row behind its names.
fn fields(cells: &Cells, columns: usize, verbs: &[String]) -> String {
    let mut text = String::with_capacity(columns + 64);
    let mut written = 0;
    for (column, here) in &cells.filled {
        for _ in written..=*column {
            text.push(',');
        }
        written = column + 1;
        for (index, verb) in here.iter().enumerate() {
            if index > 0 {
                text.push(' ');
            }
            if let Some(verb) = verbs.get(usize::from(*verb)) {
                text.push_str(verb);
            }
        }
    }
    for _ in written..columns {
        text.push(',');
    }
    text.push_str("\r\n");
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
    let rows = matrix.rows.iter().map(|row| {
        let names = row.names.iter().cloned();
        names.chain((0..matrix.columns.len()).map(|at| row.cells.words(at, verbs)))
    });
    markdown::table(&titles, rows)
}

/// One object for each row, resources without access left out.
pub(super) fn document(
    policy: &Policy,
    matrix: &Matrix,
    verbs: &[String],
    out: &mut dyn Write,
) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Rows<'a> {
        rows: Vec<Shown<'a>>,
    }
    let rows = matrix.rows.iter();
    let rows = Rows {
        rows: rows.map(|row| Shown { matrix, row, verbs }).collect(),
    };
    let document = based(Kind::AccessMatrix, &policy.unseen, rows);
    write_json(out, &document)
}

/// A row as a document shows it.
struct Shown<'a> {
    matrix: &'a Matrix,
    row: &'a Row,
    verbs: &'a [String],
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (head, name) in self.matrix.head.iter().zip(&self.row.names) {
            object.serialize_entry(&head.to_lowercase(), name)?;
        }
        object.serialize_entry("access", &Access(self))?;
        object.end()
    }
}

/// From a resource to the verbs that are allowed.
struct Access<'a>(&'a Shown<'a>);

impl Serialize for Access<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Shown { matrix, row, verbs } = self.0;
        serializer.collect_map(row.cells.filled.iter().map(|(column, here)| {
            let here = here.iter();
            let words: Vec<&String> = here
                .filter_map(|verb| verbs.get(usize::from(*verb)))
                .collect();
            (&matrix.columns[*column], words)
        }))
    }
}
