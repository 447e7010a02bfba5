//! The report as people and programs read it.

mod pages;
mod sarif;
mod table;

use groundcrew::error::{Error, Result};
use groundcrew::flags::Format as Suite;
use groundcrew::output::{Document, json, yaml};
use psp_advise::model::decision::Decision;
use psp_advise::model::kind::Kind;
use psp_advise::model::report::Report;
use psp_advise::model::standards::{Level, Server, Version};
use psp_advise::model::workload::ObjectRef;
use serde::Serialize;

use crate::commands::flags::{Format, OutputArgs};

/// Renders the report.
///
/// # Errors
///
/// When a value cannot be written in that format.
pub fn render(report: &Report, output: &OutputArgs) -> Result<String> {
    let headers = !output.no_headers;
    match output.format {
        Format::Suite(Suite::Table) => Ok(table::overview(report, headers)),
        Format::Suite(Suite::Wide) => Ok(table::fields(report, headers)),
        Format::Suite(Suite::Json) => json(&Document::new(Kind::PodSecurityReport, report)),
        Format::Suite(Suite::Yaml) => yaml(&Document::new(Kind::PodSecurityReport, report)),
        Format::Suite(Suite::Name) => Ok(table::names(report)),
        Format::Jsonl => lines(report),
        Format::Sarif => sarif::render(report),
        Format::Junit => pages::junit(report),
        Format::Markdown => Ok(pages::markdown(report)),
        Format::Html => Ok(pages::html(report)),
    }
}

/// A decision as one line: what the server says, and the fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    object: &'a ObjectRef,
    file: Option<&'a str>,
    line: Option<usize>,
    level: Level,
    version: Version,
    server_version: Server,
    allowed: bool,
    message: &'a str,
    checks: Vec<LineCheck<'a>>,
}

#[derive(Serialize)]
struct LineCheck<'a> {
    id: &'a str,
    reason: &'a str,
    detail: &'a str,
    fields: &'a [String],
}

impl<'a> From<&'a Decision> for Line<'a> {
    fn from(decision: &'a Decision) -> Self {
        Self {
            object: &decision.object,
            file: decision.file.as_deref(),
            line: decision.line,
            level: decision.level,
            version: decision.version,
            server_version: decision.server_version,
            allowed: decision.allowed,
            message: &decision.message,
            checks: decision
                .checks
                .iter()
                .map(|check| LineCheck {
                    id: check.id,
                    reason: &check.reason,
                    detail: &check.detail,
                    fields: &check.fields,
                })
                .collect(),
        }
    }
}

/// One document per object, level and version.
fn lines(report: &Report) -> Result<String> {
    let mut text = String::new();
    for decision in &report.decisions {
        let document = Document::new(Kind::PodSecurityDecision, Line::from(decision));
        let line = serde_json::to_string(&document)
            .map_err(|error| Error::failed("cannot write JSON").with_source(error))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}
