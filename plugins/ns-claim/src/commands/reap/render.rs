//! A run of the reaper as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::{DryRun, Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use jiff::Timestamp;

use super::decide::{Action, Report};
use crate::model::kind::Kind;
use crate::model::view::View;

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Attention => "attention",
            Self::Warned => "warned",
            Self::Waiting => "waiting",
            Self::Due => "due",
            Self::Deleted => "deleted",
            Self::Changed => "changed",
            Self::Going => "going",
            Self::Failed => "failed",
        }
    }
}

/// Renders a report. The table leaves out what is kept, unless it is wide.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn report(
    report: &Report,
    output: &OutputArgs,
    now: Timestamp,
    dry_run: DryRun,
) -> Result<String> {
    let shown = |action: Action| output.format != Format::Table || action != Action::Kept;
    let rows = || report.rows.iter().filter(|row| shown(row.action));
    match output.format {
        Format::Json => return json(&Document::new(Kind::ClaimReapReport, report)),
        Format::Yaml => return yaml(&Document::new(Kind::ClaimReapReport, report)),
        Format::Name => {
            let deleted = rows().filter(|row| matches!(row.action, Action::Deleted | Action::Due));
            return Ok(deleted
                .map(|row| format!("namespace/{}\n", row.claim.name))
                .collect());
        }
        Format::Table | Format::Wide => {}
    }
    let suffix = |action| match action {
        Action::Warned | Action::Deleted => dry_run.suffix(),
        _ => "",
    };
    let mut text = String::new();
    if rows().next().is_some() {
        let headers = ["NAME", "OWNER", "EXPIRES IN", "ACTION", "DETAIL"];
        let mut table = Table::new((!output.no_headers).then_some(&headers));
        for row in rows() {
            table.row([
                row.claim.name.clone(),
                row.claim.owner.clone().unwrap_or_default(),
                View::until(row.claim.ends_at, now),
                format!("{}{}", row.action.word(), suffix(row.action)),
                row.detail.clone(),
            ]);
        }
        text.push_str(&table.render());
    }
    for problem in &report.problems {
        text.push_str(&format!("attention: {}: {}\n", problem.object, problem.why));
    }
    let count = |action| {
        report
            .rows
            .iter()
            .filter(|row| row.action == action)
            .count()
    };
    let removed = match report.records_removed {
        0 => String::new(),
        1 => ", 1 old record removed".to_owned(),
        count => format!(", {count} old records removed"),
    };
    text.push_str(&format!(
        "{} {}: {} kept, {} warned, {} waiting, {} due, {} deleted, {} need attention{removed}{}\n",
        report.claims,
        if report.claims == 1 {
            "claim"
        } else {
            "claims"
        },
        count(Action::Kept),
        count(Action::Warned),
        count(Action::Waiting),
        count(Action::Due),
        count(Action::Deleted),
        count(Action::Attention) + count(Action::Failed) + report.problems.len(),
        dry_run.suffix()
    ));
    Ok(text)
}
