//! The list as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use jiff::Timestamp;

use crate::commands::list::decide::{List, Row};
use crate::model::generation::NEVER;
use crate::model::kind::Kind;
use crate::model::time::{left, remaining};

/// Renders the list.
///
/// # Errors
///
/// Only when a value cannot be written in that format.
pub fn list(list: &List, output: &OutputArgs, now: Timestamp) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardList, list)),
        Format::Yaml => yaml(&Document::new(Kind::OnboardList, list)),
        Format::Name => Ok(list
            .rows
            .iter()
            .map(|row| format!("configmap/{}\n", row.record))
            .collect()),
        Format::Table | Format::Wide if list.rows.is_empty() => Ok(String::new()),
        Format::Table | Format::Wide => Ok(table(list, output, now)),
    }
}

fn table(list: &List, output: &OutputArgs, now: Timestamp) -> String {
    let wide = output.format == Format::Wide;
    let mut headers = vec![
        "USER",
        "STATE",
        "TEAM",
        "NAMESPACE",
        "CREDENTIAL",
        "EXPIRES",
        "VERIFIED",
    ];
    if wide {
        headers.push("NOT AFTER");
    }
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    for row in &list.rows {
        let mut cells = vec![
            row.user.clone(),
            row.state.as_str().to_owned(),
            row.team.clone().unwrap_or_default(),
            row.namespace.clone(),
            credential(row),
            expires(row, now),
            row.proved_at
                .map(|at| format!("{} ago", Span(left(now, at))))
                .unwrap_or_default(),
        ];
        if wide {
            let end = row.not_after.filter(|end| *end < NEVER);
            cells.push(end.map(|end| end.to_string()).unwrap_or_default());
        }
        table.row(cells);
    }
    table.render()
}

fn expires(row: &Row, now: Timestamp) -> String {
    match row.not_after {
        Some(end) if end >= NEVER => "<by provider>".to_owned(),
        Some(end) => remaining(end, now).to_string(),
        None => String::new(),
    }
}

fn credential(row: &Row) -> String {
    match (row.credential, row.generation) {
        (Some(kind), Some(generation)) => format!("{}, g{generation}", kind.as_str()),
        _ => String::new(),
    }
}
