//! What an installation says at its end.

use groundcrew::error::Result;
use groundcrew::flags::DryRun;
use groundcrew::output::yaml;
use serde_json::Value;

use crate::commands::answer::Report;
use crate::model::meta;
use crate::model::steps::Outcome;

/// Says in a sentence what is installed.
pub fn summary(report: &Report, dry_run: DryRun) -> String {
    let settings = &report.settings;
    let changed = report
        .objects
        .iter()
        .filter(|line| line.state != Outcome::Unchanged)
        .count();
    let dry = dry_run.suffix();
    let who = if settings.self_service {
        format!("members of {} can claim", meta::CLAIMERS_GROUP)
    } else {
        "only admins can claim".to_owned()
    };
    format!(
        "{changed} of {} objects changed{dry}; {who}: {} at once, {} by default, {} at most.\n",
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
/// Only when it cannot be written as YAML.
pub fn manifests(objects: &[Value]) -> Result<String> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&yaml(object)?);
    }
    Ok(text)
}
