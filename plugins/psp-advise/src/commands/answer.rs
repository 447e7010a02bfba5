//! What several commands end with: what could not be read, and what `diff` and `upgrade` found.

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use groundcrew::ui::Ui;
use psp_advise::model::comparison::{Comparison, compare};
use psp_advise::model::kind::Kind;
use psp_advise::model::report::Report;

/// Tells what the manifests say otherwise than a reader would think.
pub fn notes(notes: &[String], ui: &Ui) {
    for note in notes {
        ui.warning(note);
    }
}

/// Warns of everything that could not be evaluated.
pub fn unseen<'a>(unseen: impl IntoIterator<Item = &'a Unseen>, ui: &Ui) {
    for one in unseen {
        ui.warning(format_args!("not evaluated: {}: {}", one.what, one.why));
    }
}

/// Shows what changes between two reports.
///
/// # Errors
///
/// That stdout cannot be written.
pub fn compared(before: &Report, after: &Report, output: &OutputArgs, ui: &Ui) -> Result<Exit> {
    let comparison = compare(before, after);
    unseen(&comparison.unseen, ui);
    let text = match output.format {
        Format::Json => json(&Document::new(Kind::PodSecurityComparison, &comparison))?,
        Format::Yaml => yaml(&Document::new(Kind::PodSecurityComparison, &comparison))?,
        Format::Name => comparison
            .changes
            .iter()
            .map(|change| change.name.clone() + "\n")
            .collect(),
        Format::Table | Format::Wide => table(&comparison, output),
    };
    if comparison.changes.is_empty() {
        ui.status("no verdicts change.");
    }
    ui.answer(text)?;
    Ok(if !comparison.complete {
        Exit::Incomplete
    } else if comparison.widens {
        Exit::No
    } else {
        Exit::Done
    })
}

fn table(comparison: &Comparison, output: &OutputArgs) -> String {
    if comparison.changes.is_empty() {
        return String::new();
    }
    let names = [
        "OBJECT",
        "LEVEL",
        "BEFORE",
        "AFTER",
        "NEWLY VIOLATES",
        "NO LONGER VIOLATES",
    ];
    let mut table = Table::new((!output.no_headers).then_some(&names));
    for change in &comparison.changes {
        table.row([
            change.object.clone(),
            change.level.to_string(),
            word(change.before).to_owned(),
            word(change.after).to_owned(),
            change.newly.join(", "),
            change.no_longer.join(", "),
        ]);
    }
    table.render()
}

fn word(allowed: Option<bool>) -> &'static str {
    match allowed {
        Some(true) => "passes",
        Some(false) => "violates",
        None => "",
    }
}
