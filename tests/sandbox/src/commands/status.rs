//! `status`: a table of the sandboxes.

use crate::error::Result;
use crate::layout::RunDir;
use crate::process;
use crate::state::State;
use crate::ui;

/// Prints one line per sandbox.
pub(crate) fn run() -> Result<()> {
    let rows: Vec<[String; 5]> = RunDir::all().iter().map(row).collect();
    if rows.is_empty() {
        ui::status("no sandbox is up");
        return Ok(());
    }
    let head = ["NAME", "SERVER", "KUBERNETES", "NODES", "STATE"].map(str::to_owned);
    for line in table(&[vec![head], rows].concat()) {
        ui::answer(&line);
    }
    Ok(())
}

fn row(run: &RunDir) -> [String; 5] {
    let none = || "-".to_owned();
    let Some(state) = State::read(run) else {
        let alive = process::records(run)
            .iter()
            .any(|record| record.identity.is_alive());
        let what = if alive { "starting" } else { "failed to start" };
        return [
            run.name().to_owned(),
            none(),
            none(),
            none(),
            what.to_owned(),
        ];
    };
    let ended = State::ended_parts(run);
    let what = match (state.existing, ended.is_empty()) {
        (true, _) => "existing cluster".to_owned(),
        (false, true) => "up".to_owned(),
        (false, false) => format!("broken: {} ended", ended.join(", ")),
    };
    let mut nodes = format!("{} simulated", state.nodes);
    if state.capabilities.real_node {
        nodes += ", 1 real";
    }
    [
        state.name,
        state.server,
        state.capabilities.kubernetes,
        nodes,
        what,
    ]
}

/// Lines up columns the way kubectl does: three blanks between, none at the end.
fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_blanks_at_the_end() {
        let rows = [["A", "B"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), ["A      B", "long   x"]);
    }
}
