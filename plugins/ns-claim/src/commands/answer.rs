//! What was done, or is to be done, as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use serde::Serialize;
use serde_json::Value;

use crate::meta;
use crate::settings::Settings;

/// What was, or is to be, done with one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) object: String,
    pub(super) state: &'static str,
}

/// How an installation stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub(super) objects: Vec<Line>,
    /// Whether every policy was seen to deny; none where there is no guard.
    pub(super) guard_denies: Option<bool>,
    pub(super) settings: Settings,
    /// Claims that no quota limits; none where it was not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) without_quota: Option<Vec<String>>,
}

impl Report {
    pub(super) fn render(&self, output: &OutputArgs, all: bool) -> Result<String> {
        match output.format {
            Format::Json => return json(&Document::new(Kind::ClaimInstallReport, self)),
            Format::Yaml => return yaml(&Document::new(Kind::ClaimInstallReport, self)),
            Format::Name => {
                return Ok(self
                    .objects
                    .iter()
                    .map(|line| format!("{}\n", line.object))
                    .collect());
            }
            Format::Table | Format::Wide => {}
        }
        let mut table = Table::new((!output.no_headers).then_some(&["OBJECT", "STATE"]));
        let wide = all || output.format == Format::Wide;
        let shown: Vec<&Line> = self
            .objects
            .iter()
            .filter(|line| wide || !matches!(line.state, "unchanged" | "ok"))
            .collect();
        for line in &shown {
            table.row([line.object.as_str(), line.state]);
        }
        Ok(if shown.is_empty() {
            String::new()
        } else {
            table.render()
        })
    }
}

/// Says in a sentence what is installed.
pub(super) fn summary(report: &Report, dry_run: bool) -> String {
    let settings = &report.settings;
    let changed = report
        .objects
        .iter()
        .filter(|line| line.state != "unchanged")
        .count();
    let dry = if dry_run { " (dry run)" } else { "" };
    let who = if settings.self_service {
        format!("the group {} may claim", meta::CLAIMERS_GROUP)
    } else {
        "only admins may claim".to_owned()
    };
    format!(
        "{changed} of {} objects changed{dry}; {who}: {} at once, {} by default, {} in all.\n",
        report.objects.len(),
        settings.max_claims,
        settings.default_ttl(),
        settings.max_total()
    )
}

/// Returns all manifests, for GitOps.
///
/// # Errors
///
/// Only when a value has no form in YAML.
pub(super) fn manifests(objects: &[Value]) -> Result<String> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&yaml(object)?);
    }
    Ok(text)
}
