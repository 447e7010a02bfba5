//! What an installation says at its end.

use groundcrew::error::Result;
use groundcrew::output::yaml;
use serde_json::Value;

use crate::commands::answer::Report;
use crate::model::meta;

/// Says in a sentence what is installed.
pub fn summary(report: &Report, dry_run: bool) -> String {
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
pub fn manifests(objects: &[Value]) -> Result<String> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&yaml(object)?);
    }
    Ok(text)
}
