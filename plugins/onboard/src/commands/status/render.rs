//! The status as people and programs read it.

use std::time::Duration;

use groundcrew::error::Result;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use jiff::Timestamp;

use crate::commands::status::judge;
use crate::commands::status::judge::{Status, Verdict};
use crate::model::kind::Kind;
use crate::model::time::left;

/// Renders the status.
///
/// # Errors
///
/// Only when a value cannot be written in that format.
pub fn status(status: &Status, output: &OutputArgs, now: Timestamp) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardStatus, status)),
        Format::Yaml => yaml(&Document::new(Kind::OnboardStatus, status)),
        Format::Name => Ok(format!("configmap/{}\n", status.record)),
        Format::Table | Format::Wide => Ok(text(status, output, now)),
    }
}

fn text(status: &Status, output: &OutputArgs, now: Timestamp) -> String {
    let headers = [
        "USER",
        "TEAM",
        "NAMESPACE",
        "CREDENTIAL",
        "EXPIRES",
        "FIRST POD RUNNING",
        "NOW",
    ];
    let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
    let credential = status.credential.as_ref();
    table.row([
        status.user.clone(),
        status.team.clone().unwrap_or_default(),
        status.namespace.clone(),
        credential
            .map(|held| format!("{}, g{}", held.r#type.as_str(), held.generation))
            .unwrap_or_default(),
        credential
            .map(|held| Span(rounded(left(held.not_after, now))).to_string())
            .unwrap_or_default(),
        first(status),
        status
            .usage
            .as_ref()
            .map(judge::Usage::summary)
            .unwrap_or_default(),
    ]);
    let mut text = table.render();
    if status.obstacles.is_empty() {
        return text;
    }
    text.push_str("\nBLOCKED BY\n");
    for obstacle in &status.obstacles {
        let (reason, object) = (obstacle.reason, &obstacle.object);
        text.push_str(&format!("{reason}   {object}\n"));
        text.push_str(&format!("  what   {}\n", obstacle.message));
        text.push_str(&format!("  fix    {}\n", obstacle.fix));
    }
    text
}

/// To the nearest ten minutes: a certificate for 30 days is not one for "29d23h".
fn rounded(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs().div_ceil(600) * 600)
}

fn first(status: &Status) -> String {
    let first = &status.first_pod;
    let span = |seconds: i64| Span(Duration::from_secs(seconds.unsigned_abs()));
    match (first.after_seconds, first.within_30_minutes) {
        (Some(seconds), Verdict::Yes) => format!("after {}", span(seconds)),
        (Some(seconds), _) => format!("after {} at most", span(seconds)),
        (None, Verdict::Open) => "not yet".to_owned(),
        (None, _) => "unknown".to_owned(),
    }
}
