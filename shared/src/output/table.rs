//! kubectl's look: upper-case headers, three spaces between columns, no borders.

use comfy_table::{CellAlignment, presets};

use crate::ui::visible;

/// Rows under headers.
#[derive(Debug)]
pub struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// Returns an empty table; `headers` are upper case, `None` leaves the line out.
    #[must_use]
    pub fn new(headers: Option<&[&str]>) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING);
        if let Some(headers) = headers {
            inner.set_header(headers.iter().copied());
        }
        Self { inner }
    }

    /// Adds a row; an empty cell is shown as `<none>`.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.inner
            .add_row(cells.into_iter().map(|cell| match cell.as_ref() {
                "" => "<none>".to_owned(),
                text => visible(text).into_owned(),
            }));
    }

    /// Renders the table without blanks at line ends, with a final newline.
    #[must_use]
    pub fn render(mut self) -> String {
        for column in self.inner.column_iter_mut() {
            column.set_padding((0, 3));
            column.set_cell_alignment(CellAlignment::Left);
        }
        self.inner.trim_fmt() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_looks_like_kubectl_also_with_wide_characters() {
        let mut table = Table::new(Some(&["NAME", "TEAM", "AGE"]));
        table.row(["alice", "", "3d"]);
        table.row(["山田", "payments", "12m"]);
        insta::assert_snapshot!(table.render(), @r"
        NAME    TEAM       AGE
        alice   <none>     3d
        山田    payments   12m
        ");
    }
}
