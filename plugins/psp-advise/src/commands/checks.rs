//! `kubectl psp-advise checks`: the checks of the standards.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use psp_advise::model::kind::Kind;
use psp_advise::model::standards::{CHECKS, Check};
use serde::Serialize;

/// Show the checks of the Pod Security Standards
#[derive(Args, Debug)]
pub struct ChecksArgs {
    /// Check to show in full
    #[arg(value_name = "ID")]
    id: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// A check as a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: &'static str,
    level: &'static str,
    since: String,
    changed: Vec<String>,
    overrides: Option<&'static str>,
    fields: &'static [&'static str],
    allowed: &'static str,
    summary: &'static str,
}

impl From<&Check> for Shown {
    fn from(check: &Check) -> Self {
        Self {
            id: check.id,
            level: check.level.as_str(),
            since: format!("v1.{}", check.since),
            changed: check
                .changed
                .iter()
                .map(|minor| format!("v1.{minor}"))
                .collect(),
            overrides: check.overrides,
            fields: check.fields,
            allowed: check.allowed,
            summary: check.summary,
        }
    }
}

#[derive(Serialize)]
struct Body {
    checks: Vec<Shown>,
}

/// Shows the table, or one check.
///
/// # Errors
///
/// That the check is unknown.
pub fn run(args: &ChecksArgs, frame: &Frame) -> Result<Exit> {
    let checks: Vec<Shown> = match &args.id {
        None => CHECKS.iter().map(Shown::from).collect(),
        Some(id) => {
            let check = CHECKS
                .iter()
                .find(|check| check.id.eq_ignore_ascii_case(id))
                .ok_or_else(|| {
                    Error::usage(format!("unknown check \"{id}\""))
                        .with_hint("list all checks:  kubectl psp-advise checks")
                })?;
            vec![check.into()]
        }
    };
    let text = match args.output.format {
        Format::Json => json(&Document::new(Kind::PodSecurityChecks, Body { checks }))?,
        Format::Yaml => yaml(&Document::new(Kind::PodSecurityChecks, Body { checks }))?,
        Format::Name => checks
            .iter()
            .map(|check| format!("{}\n", check.id))
            .collect(),
        Format::Table if args.id.is_some() => checks.iter().map(page).collect(),
        Format::Table | Format::Wide => table(&checks, &args.output),
    };
    frame.ui.answer(text)?;
    Ok(Exit::Done)
}

fn table(checks: &[Shown], output: &OutputArgs) -> String {
    let wide = output.format == Format::Wide;
    let mut headers = vec!["CHECK", "LEVEL", "SINCE", "CHANGED", "PREVENTS"];
    if wide {
        headers.push("ALLOWED");
    }
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    for check in checks {
        let mut cells = vec![
            check.id.to_owned(),
            check.level.to_owned(),
            check.since.clone(),
            check.changed.join(" "),
            check.summary.to_owned(),
        ];
        if wide {
            cells.push(check.allowed.to_owned());
        }
        table.row(cells);
    }
    table.render()
}

fn page(check: &Shown) -> String {
    let mut text = format!("{}\n  {}\n\n", check.id, check.summary);
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    line("level", check.level);
    line("since", &check.since);
    if !check.changed.is_empty() {
        line("changed", &check.changed.join(", "));
    }
    if let Some(other) = check.overrides {
        line("replaces", other);
    }
    for (index, field) in check.fields.iter().enumerate() {
        line(if index == 0 { "fields" } else { "" }, field);
    }
    line("allowed", check.allowed);
    text
}
