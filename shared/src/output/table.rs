//! kubectl's look: upper-case headers, three spaces between columns, no borders. On a terminal no
//! line is wider than it: long cells are folded, and nothing is left out.

use comfy_table::{CellAlignment, presets};

use crate::output::fit;
use crate::ui::{Screen, Tone, visible};

/// Blanks between columns.
const GAP: usize = 3;

/// Rows under headers.
#[derive(Debug)]
pub struct Table {
    headers: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Returns an empty table; `headers` are upper case, `None` leaves the line out.
    #[must_use]
    pub fn new(headers: Option<&[&str]>) -> Self {
        let headers = headers.map(|all| all.iter().map(|one| (*one).to_owned()).collect());
        Self {
            headers,
            rows: Vec::new(),
        }
    }

    /// Adds a row; an empty cell is shown as `<none>`.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter().map(|cell| match cell.as_ref() {
            "" => "<none>".to_owned(),
            text => visible(text).into_owned(),
        });
        self.rows.push(cells.collect());
    }

    /// Renders the table for where the answer goes, without blanks at line ends, with a final
    /// newline.
    #[must_use]
    pub fn render(self) -> String {
        self.render_on(Screen::get())
    }

    fn render_on(mut self, screen: Screen) -> String {
        if let Some(width) = screen.width
            && !self.fold(width)
        {
            return self.blocks(width, screen.color);
        }
        if screen.color {
            self.paint();
        }
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING);
        if let Some(headers) = self.headers {
            inner.set_header(headers);
        }
        for row in self.rows {
            inner.add_row(row);
        }
        for column in inner.column_iter_mut() {
            column.set_padding((0, 3));
            column.set_cell_alignment(CellAlignment::Left);
        }
        inner.trim_fmt() + "\n"
    }

    /// Folds cells until every line fits; `false` when there are too many columns for that.
    fn fold(&mut self, width: usize) -> bool {
        let lines = self.headers.iter().chain(&self.rows);
        let Some(limits) = fit::limits(lines, width, GAP) else {
            return false;
        };
        for cells in self.headers.iter_mut().chain(&mut self.rows) {
            for (cell, limit) in cells.iter_mut().zip(&limits) {
                *cell = fit::folded(cell, *limit);
            }
        }
        true
    }

    /// Gives the words of states their color.
    fn paint(&mut self) {
        let Some(headers) = &self.headers else {
            return;
        };
        for row in &mut self.rows {
            for (header, cell) in headers.iter().zip(row) {
                // A folded cell is a sentence, not a word.
                if !cell.contains('\n')
                    && let Some(tone) = tone(header, cell)
                {
                    *cell = tone.paint(cell);
                }
            }
        }
    }

    /// Renders one line for each cell, where the columns do not fit beside each other.
    fn blocks(mut self, width: usize, color: bool) -> String {
        if color {
            self.paint();
        }
        let headers = self.headers.unwrap_or_default();
        let label = headers.iter().map(String::len).max().unwrap_or_default();
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            for (column, cell) in row.iter().enumerate() {
                let header = headers.get(column).map_or("", String::as_str);
                let indent = if label == 0 { 0 } else { label + GAP };
                let cell = fit::folded(cell, width.saturating_sub(indent).max(1));
                for (line, part) in cell.lines().enumerate() {
                    let head = if line == 0 { header } else { "" };
                    text.push_str(format!("{head:<indent$}{part}").trim_end());
                    text.push('\n');
                }
            }
        }
        text
    }
}

/// Columns whose words say how something is.
const TELLING: [&str; 9] = [
    "SEVERITY", "LEVEL", "STATE", "STATUS", "RESULT", "VERDICT", "READY", "ENFORCE", "CHECK",
];

/// Returns the tone of a word in a column that says how something is.
fn tone(header: &str, word: &str) -> Option<Tone> {
    if !TELLING.contains(&header) {
        return None;
    }
    if let Some((some, all)) = word.split_once('/') {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let (some, all) = (number(some)?, number(all)?);
        return Some(if some < all { Tone::Fair } else { Tone::Good });
    }
    match word.to_ascii_lowercase().as_str() {
        "critical" | "high" | "error" | "broken" | "failed" | "expired" | "abandoned"
        | "privileged" | "stuck" | "bad" => Some(Tone::Bad),
        "medium" | "warning" | "expiring" | "renewing" | "undecided" | "parked" | "baseline"
        | "attention" | "warned" | "open" | "unknown" | "?" => Some(Tone::Fair),
        "ok" | "active" | "ready" | "restricted" | "yes" | "good" | "healthy" => Some(Tone::Good),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Table {
        let mut table = Table::new(Some(&["NAME", "STATE", "TEAM", "WHY"]));
        table.row([
            "alice",
            "active",
            "",
            "ready since this morning, when the last of the pods came up on a new node",
        ]);
        table.row([
            "system:serviceaccount:payments-production:deployer-of-everything",
            "broken",
            "payments",
            "x",
        ]);
        table
    }

    fn on(width: usize) -> Screen {
        Screen {
            width: Some(width),
            color: false,
        }
    }

    #[test]
    fn a_table_looks_like_kubectl_also_with_wide_characters() {
        let mut table = Table::new(Some(&["NAME", "TEAM", "AGE"]));
        table.row(["alice", "", "3d"]);
        table.row(["山田", "payments", "12m"]);
        insta::assert_snapshot!(table.render_on(Screen::default()), @r"
        NAME    TEAM       AGE
        alice   <none>     3d
        山田    payments   12m
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_nothing_is_left_out() {
        insta::assert_snapshot!(people().render_on(on(80)), @r"
        NAME                     STATE    TEAM       WHY
        alice                    active   <none>     ready since this morning,
                                                     when the last of the pods
                                                     came up on a new node
        system:serviceaccount:   broken   payments   x
        payments-production:
        deployer-of-everything
        ");
        let plain = people().render_on(Screen::default());
        let letters = |text: &str| {
            // The headers are said again for each row where there are too many columns.
            let mut all: Vec<char> = text.chars().filter(char::is_ascii_lowercase).collect();
            all.sort_unstable();
            all
        };
        for width in 20..=200 {
            let text = people().render_on(on(width));
            for line in text.lines() {
                assert!(width_of(line) <= width, "{width}: {line:?}");
            }
            assert_eq!(letters(&text), letters(&plain), "{width}\n{text}");
        }
        assert_eq!(people().render_on(on(400)), plain);
    }

    fn width_of(line: &str) -> usize {
        unicode_width::UnicodeWidthStr::width(line)
    }

    #[test]
    fn too_many_columns_become_lines() {
        insta::assert_snapshot!(people().render_on(on(30)), @r"
        NAME    alice
        STATE   active
        TEAM    <none>
        WHY     ready since this
                morning, when the last
                of the pods came up on
                a new node

        NAME    system:serviceaccount:
                payments-production:
                deployer-of-everything
        STATE   broken
        TEAM    payments
        WHY     x
        ");
    }

    #[test]
    fn words_of_states_have_a_color_and_everything_else_is_plain() {
        let screen = Screen {
            width: None,
            color: true,
        };
        let text = people().render_on(screen);
        assert!(text.contains(&Tone::Good.paint("active")), "{text}");
        assert!(text.contains(&Tone::Bad.paint("broken")), "{text}");
        assert_eq!(tone("READY", "1/3"), Some(Tone::Fair));
        assert_eq!(tone("READY", "3/3"), Some(Tone::Good));
        assert_eq!(tone("NAME", "broken"), None);
        let plain: String = text
            .chars()
            .filter(|one| !('\u{e0001}'..='\u{e0004}').contains(one))
            .collect();
        assert_eq!(plain, people().render_on(Screen::default()));
    }
}
