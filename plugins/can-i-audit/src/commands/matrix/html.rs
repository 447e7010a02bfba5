//! The matrix as one file for people who do not use kubectl.

use can_i_audit::model::policy::Policy;
use groundcrew::report::html::{Cell, Page};

use super::layout::Matrix;

/// Renders the page.
pub(super) fn page(policy: &Policy, matrix: &Matrix, verbs: &[String]) -> String {
    let mut page = Page::new("Who can do what");
    page.paragraph(
        "Includes access inherited from groups and cluster-wide bindings. Hover over a cell to see \
         its bindings.",
    );
    page.filters();
    for gap in &policy.unseen {
        page.warning(&format!("Incomplete. Not read: {gap}"));
    }
    let head = matrix.head.iter().copied();
    let rows = matrix.rows.iter().map(|row| {
        let names = row.names.iter().map(Cell::from);
        let cells = (0..matrix.columns.len()).map(|at| Cell {
            text: row.cells.words(at, verbs).into(),
            title: row.through.get(at).map_or("", String::as_str).into(),
        });
        names.chain(cells)
    });
    page.table(
        head.chain(matrix.columns.iter().map(String::as_str)),
        matrix.head.len(),
        rows,
    );
    page.finish()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::layout::{Cells, Row};
    use super::*;

    #[test]
    fn a_name_from_the_cluster_stays_text() {
        let evil = "<script>alert('x')</script>".to_owned();
        let matrix = Matrix {
            head: vec!["SUBJECT"],
            columns: vec!["pods".to_owned()],
            rows: vec![Row {
                names: vec![evil.clone()],
                cells: Rc::new(Cells {
                    filled: vec![(0, vec![0])],
                }),
                through: vec![evil],
            }],
            marks: false,
        };
        let page = page(&Policy::default(), &matrix, &["get".to_owned()]);
        assert_eq!(page.matches("<script>").count(), 1);
        assert!(!page.contains("alert('x')"));
    }
}
