//! The matrix as tables that fit the terminal.

use groundcrew::output::Table;
use groundcrew::ui::Ui;

use super::layout::Matrix;

/// Columns that a table has room for; the others are left to `-o csv` and `-o html`.
const ROOM: usize = 8;
/// The resources that users ask about first.
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

/// Blanks between two columns.
const GAP: usize = 3;

/// The abilities of the terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    ascii: bool,
    /// Columns of the terminal; `None` without a terminal: nothing has to fit.
    width: Option<usize>,
}

impl Look {
    /// Looks at the terminal and the locale.
    pub(super) fn new(ascii: bool, ui: &Ui) -> Self {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty());
        Self {
            ascii: ascii || locale.is_some_and(|locale| !shows_marks(&locale)),
            width: ui.width(),
        }
    }
}

/// Says whether a locale has signs beyond ASCII.
fn shows_marks(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Marks where each cell is one verb, letters where it is several. Columns that do not fit beside
/// the others go into a further table below, with the rows named again.
pub(super) fn render(matrix: &Matrix, verbs: &[String], look: Look) -> String {
    let mut columns: Vec<Vec<String>> = Vec::new();
    for (at, head) in matrix.head.iter().enumerate() {
        let names = matrix.rows.iter().map(|row| row.names[at].clone());
        columns.push(std::iter::once((*head).to_owned()).chain(names).collect());
    }
    for at in chosen(matrix) {
        let title = matrix.columns[at].split('.').next().unwrap_or_default();
        let cells = matrix.rows.iter().map(|row| {
            let here = row.cells.at(at);
            match (matrix.marks, here.is_empty(), look.ascii) {
                (true, false, false) => "✔".to_owned(),
                (true, true, false) => "✖".to_owned(),
                (true, false, true) => "yes".to_owned(),
                (true, true, true) => "no".to_owned(),
                (false, true, _) => "-".to_owned(),
                (false, false, _) => letters(here, verbs),
            }
        });
        columns.push(std::iter::once(title.to_uppercase()).chain(cells).collect());
    }
    let fixed = matrix.head.len();
    let widths: Vec<usize> = columns.iter().map(|column| width(column)).collect();
    let tables: Vec<String> = blocks(&widths, fixed, look.width)
        .into_iter()
        .map(|(begin, end)| {
            let shown: Vec<&Vec<String>> = columns[..fixed]
                .iter()
                .chain(&columns[begin..end])
                .collect();
            let line = |at: usize| shown.iter().map(move |column| column[at].as_str());
            let headers: Vec<&str> = line(0).collect();
            let mut table = Table::new(Some(&headers));
            for at in 1..=matrix.rows.len() {
                table.row(line(at));
            }
            table.render()
        })
        .collect();
    tables.join("\n")
}

fn width(column: &[String]) -> usize {
    column
        .iter()
        .map(|cell| cell.chars().count())
        .max()
        .unwrap_or_default()
}

/// Deals the columns behind the first `fixed` ones out to tables that fit, each with at least one:
/// where each begins and ends.
fn blocks(widths: &[usize], fixed: usize, room: Option<usize>) -> Vec<(usize, usize)> {
    let names: usize = widths[..fixed].iter().map(|width| width + GAP).sum();
    let mut blocks = Vec::new();
    let (mut begin, mut used) = (fixed, names);
    for (at, width) in widths.iter().enumerate().skip(fixed) {
        if at > begin && room.is_some_and(|room| used + width > room) {
            blocks.push((begin, at));
            (begin, used) = (at, names);
        }
        used += width + GAP;
    }
    blocks.push((begin, widths.len()));
    blocks
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

/// The meaning of the letters.
pub(super) fn legend(verbs: &[String]) -> String {
    let words: Vec<String> = verbs
        .iter()
        .map(|verb| format!("{} {verb}", letter(verb)))
        .collect();
    format!("{}; all resources: -o csv or -o html", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_do_not_fit_go_below_and_each_table_has_one() {
        let widths = [10, 5, 5, 5];
        assert_eq!(blocks(&widths, 1, None), [(1, 4)]);
        assert_eq!(blocks(&widths, 1, Some(80)), [(1, 4)]);
        // 10 + 3 + 5 + 3 + 5 = 26
        assert_eq!(blocks(&widths, 1, Some(26)), [(1, 3), (3, 4)]);
        assert_eq!(blocks(&widths, 1, Some(25)), [(1, 2), (2, 3), (3, 4)]);
        assert_eq!(blocks(&widths, 1, Some(1)), [(1, 2), (2, 3), (3, 4)]);
        assert_eq!(blocks(&[10], 1, Some(80)), [(1, 1)]);
    }

    #[test]
    fn a_locale_without_utf_8_gets_words() {
        for locale in ["C", "POSIX", "de_DE.ISO-8859-1"] {
            assert!(!shows_marks(locale), "{locale}");
        }
        for locale in ["C.UTF-8", "en_US.utf8"] {
            assert!(shows_marks(locale), "{locale}");
        }
    }
}
