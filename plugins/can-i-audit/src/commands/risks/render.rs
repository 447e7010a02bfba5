//! Findings for people, for pull requests and for code scanners.

use can_i_audit::policy::Policy;
use can_i_audit::risks::{RULES, Severity};
use groundcrew::error::Result;
use groundcrew::output::{Document, Kind, Table, json, yaml};
use serde_json::{Value, json};

use super::super::Based;
use super::{Answer, Format, Row};

/// Renders the findings.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub(super) fn answer(policy: &Policy, answer: &Answer<'_>, format: Format) -> Result<String> {
    let document = || {
        Document::new(
            Kind::AccessRisks,
            Based {
                complete: policy.is_complete(),
                missing: &policy.gaps,
                body: answer,
            },
        )
    };
    match format {
        Format::Json => json(&document()),
        Format::Yaml => yaml(&document()),
        Format::Sarif => json(&sarif(policy, answer)),
        Format::Markdown => Ok(markdown(policy, answer)),
        Format::Table | Format::Wide if answer.findings.is_empty() => Ok(String::new()),
        Format::Table => Ok(table(answer, false)),
        Format::Wide => Ok(table(answer, true)),
    }
}

/// Who or what, and where.
pub(super) fn concerned(row: &Row<'_>) -> String {
    match (row.subject, row.object) {
        (_, Some(object)) => object.to_owned(),
        (Some(subject), None) => match row.namespace {
            Some(namespace) => format!("{subject} in {namespace}"),
            None => format!("{subject} cluster-wide"),
        },
        (None, None) => String::new(),
    }
}

fn through(row: &Row<'_>) -> String {
    if !row.detail.is_empty() {
        return row.detail.to_owned();
    }
    let mut words = row.through.first().cloned().unwrap_or_default();
    if row.through.len() > 1 {
        words.push_str(&format!("  (+{} more)", row.through.len() - 1));
    }
    words
}

fn table(answer: &Answer<'_>, wide: bool) -> String {
    let mut headers = vec!["SEVERITY", "RULE", "WHO", "THROUGH"];
    if wide {
        headers.extend(["WHY", "FIX"]);
    }
    let mut table = Table::new(Some(&headers));
    for row in &answer.findings {
        let mut cells = vec![
            row.severity.word().to_owned(),
            format!("{} {}", row.rule, row.name),
            concerned(row),
            through(row),
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
    for row in &answer.findings {
        let cells = [
            row.severity.word().to_owned(),
            format!("{} {}", row.rule, row.name),
            concerned(row),
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

/// SARIF 2.1.0 with logical locations: what is found has no line in a file.
fn sarif(policy: &Policy, answer: &Answer<'_>) -> Value {
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
    let results: Vec<Value> = answer
        .findings
        .iter()
        .map(|row| {
            let who = concerned(row);
            json!({
                "ruleId": row.rule,
                "level": level(row.severity),
                "message": {"text": format!("{who}: {}. {} Change: {}", row.why, through(row), row.fix)},
                "locations": [{"logicalLocations": [{"fullyQualifiedName": who}]}],
                "partialFingerprints": {"groundcrew/v1": format!("{} {who}", row.rule)},
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
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}
