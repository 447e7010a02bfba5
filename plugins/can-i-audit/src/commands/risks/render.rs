//! Findings for people, for pull requests and for code scanners.

use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Policy;
use can_i_audit::model::risks::row::Row;
use can_i_audit::model::risks::{RULES, RiskRule, Severity};
use groundcrew::error::Result;
use groundcrew::output::{Table, write_json, yaml};
use groundcrew::report::markdown;
use groundcrew::report::sarif::{
    self, ColumnKind, Configuration, Driver, Invocation, Level, Location, Log, LogicalLocation,
    Run, Tool,
};
use groundcrew::ui::Ui;
use serde::{Serialize, Serializer};

use super::causes;
use super::format::Format;
use super::rows::{Answer, Rows};
use crate::commands::answer::based;

/// Writes the findings.
///
/// # Errors
///
/// When stdout cannot be written to.
pub(super) fn answer(policy: &Policy, answer: &Answer<'_>, format: Format, ui: &Ui) -> Result<()> {
    let document = || based(Kind::AccessRisks, &policy.unseen, answer);
    let rows = answer.findings;
    let count = rows.found.len();
    match format {
        Format::Json => ui.answer_with(|out| write_json(out, &document())),
        Format::Yaml => ui.answer(yaml(&document())?),
        Format::Sarif => ui.answer_with(|out| write_json(out, &sarif(policy, rows))),
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
    let headers = ["severity", "rule", "who", "why", "fix"];
    let rows = answer.findings.iter().map(|row| {
        let why = if row.detail.is_empty() {
            row.why.to_owned()
        } else {
            format!("{}: {}", row.why, row.detail)
        };
        [
            row.severity.word().to_owned(),
            format!("{} {}", row.rule, row.name),
            row.concerned(),
            why,
            row.fix.to_owned(),
        ]
    });
    let mut text = markdown::table(&headers, rows);
    for gap in &policy.unseen {
        text.push_str(&format!(
            "\nNot read: {}\n",
            markdown::escape(&gap.to_string())
        ));
    }
    text
}

fn sarif<'a>(policy: &Policy, rows: Rows<'a>) -> Log<Results<'a>> {
    let rules = RULES.iter().filter(|rule| rule.implemented);
    let rule = |rule: &RiskRule| sarif::Rule {
        id: rule.id.to_owned(),
        name: rule.name,
        short_description: rule.why.into(),
        full_description: None,
        help_uri: None,
        default_configuration: Configuration {
            level: level(rule.severity),
        },
        properties: None,
    };
    let unseen = policy.unseen.iter().map(ToString::to_string);
    Log::new(Run {
        tool: Tool {
            driver: Driver {
                name: "kubectl-can_i_audit",
                semantic_version: env!("CARGO_PKG_VERSION"),
                rules: rules.map(rule).collect(),
            },
        },
        invocations: [Invocation::new(policy.is_complete(), unseen)],
        column_kind: ColumnKind::UnicodeCodePoints,
        results: Results(rows),
    })
}

/// The findings as results, each made when it is written: there may be very many.
struct Results<'a>(Rows<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|row| result(&row)))
    }
}

/// One result, with a logical location: what is found has no line in a file.
fn result(row: &Row<'_>) -> sarif::Finding {
    let who = row.concerned();
    sarif::Finding {
        rule_id: row.rule.to_owned(),
        rule_index: None,
        level: level(row.severity),
        message: format!("{who}: {}. {} Fix: {}", row.why, row.through(), row.fix).into(),
        partial_fingerprints: [("groundcrew/v1", format!("{} {who}", row.rule))].into(),
        locations: [Location {
            physical_location: None,
            logical_locations: [LogicalLocation {
                fully_qualified_name: who,
                kind: None,
            }],
        }],
        fixes: Vec::new(),
    }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Critical | Severity::High => Level::Error,
        Severity::Medium => Level::Warning,
        Severity::Low | Severity::Info => Level::Note,
    }
}
