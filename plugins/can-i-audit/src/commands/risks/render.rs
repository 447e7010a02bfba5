//! Findings for people, for pull requests and for code scanners.

use can_i_audit::model::policy::Policy;
use can_i_audit::model::risks::row::Row;
use can_i_audit::model::risks::{RULES, Severity};
use groundcrew::error::Result;
use groundcrew::output::{Document, Kind, Table, write_json_rows, yaml};
use groundcrew::ui::Ui;
use serde_json::{Value, json};

use super::causes;
use super::format::Format;
use super::rows::{Answer, Rows};
use crate::commands::answer::Based;

/// Writes the findings.
///
/// # Errors
///
/// When stdout cannot be written to.
pub(super) fn answer(policy: &Policy, answer: &Answer<'_>, format: Format, ui: &Ui) -> Result<()> {
    let document = |body| {
        Document::new(
            Kind::AccessRisks,
            Based {
                complete: policy.is_complete(),
                missing: &policy.gaps,
                body,
            },
        )
    };
    let rows = answer.findings;
    let (world, count) = (rows.world, rows.found.len());
    let row = |number: usize| Row::new(world, &rows.found[number]);
    match format {
        Format::Json => {
            // The rows are made when they are written, by more than one thread.
            let around = Answer {
                suppressed: answer.suppressed,
                findings: Rows { world, found: &[] },
            };
            ui.answer_with(|out| write_json_rows(out, &document(&around), count, row))
        }
        Format::Yaml => ui.answer(yaml(&document(answer))?),
        Format::Sarif => ui.answer_with(|out| {
            let result = |number| sarif_result(&row(number));
            write_json_rows(out, &sarif(policy), count, result)
        }),
        Format::Markdown => ui.answer(markdown(policy, answer)),
        Format::Table | Format::Wide if count == 0 => Ok(()),
        Format::Table if count > causes::EACH => ui.answer(causes::table(rows)),
        Format::Table => ui.answer(table(answer, false)),
        Format::Wide => ui.answer(table(answer, true)),
    }
}

fn table(answer: &Answer<'_>, wide: bool) -> String {
    let mut headers = vec!["SEVERITY", "RULE", "WHO", "THROUGH"];
    if wide {
        headers.extend(["WHY", "FIX"]);
    }
    let mut table = Table::new(Some(&headers));
    for row in answer.findings.iter() {
        let mut cells = vec![
            row.severity.word().to_owned(),
            format!("{} {}", row.rule, row.name),
            row.concerned(),
            row.through(),
        ];
        if wide {
            cells.extend([row.why.to_owned(), row.fix.to_owned()]);
        }
        table.row(cells);
    }
    table.render()
}

fn markdown(policy: &Policy, answer: &Answer<'_>) -> String {
    let mut text =
        "| severity | rule | who | why | smallest change |\n|---|---|---|---|---|\n".to_owned();
    for row in answer.findings.iter() {
        let cells = [
            row.severity.word().to_owned(),
            format!("{} {}", row.rule, row.name),
            row.concerned(),
            if row.detail.is_empty() {
                row.why.to_owned()
            } else {
                format!("{}: {}", row.why, row.detail)
            },
            row.fix.to_owned(),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    for gap in &policy.gaps {
        text.push_str(&format!("\nNot read: {gap}\n"));
    }
    text
}

/// SARIF 2.1.0 with an empty list of results.
fn sarif(policy: &Policy) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .filter(|rule| rule.implemented)
        .map(|rule| {
            json!({
                "id": rule.id,
                "name": rule.name,
                "shortDescription": {"text": rule.why},
                "defaultConfiguration": {"level": level(rule.severity)},
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kubectl-can_i_audit",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "invocations": [{"executionSuccessful": policy.is_complete()}],
            "results": [],
        }],
    })
}

/// One result, with a logical location: what is found has no line in a file.
fn sarif_result(row: &Row<'_>) -> Value {
    let who = row.concerned();
    json!({
        "ruleId": row.rule,
        "level": level(row.severity),
        "message": {"text": format!("{who}: {}. {} Change: {}", row.why, row.through(), row.fix)},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": who}]}],
        "partialFingerprints": {"groundcrew/v1": format!("{} {who}", row.rule)},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}
