//! What was found, as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use jiff::Timestamp;

use crate::commands::verify::document::{Credential, Verification};
use crate::model::check::Check;
use crate::model::kind::Kind;
use crate::model::record;
use crate::model::time::until;
use crate::model::user::UserName;

/// Renders what was found.
///
/// # Errors
///
/// Only when a value cannot be written in that format.
pub fn verification(found: &Verification, output: &OutputArgs, now: Timestamp) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardVerification, found)),
        Format::Yaml => yaml(&Document::new(Kind::OnboardVerification, found)),
        Format::Name => Ok(found
            .user
            .as_ref()
            .and_then(|user| UserName::parse(user).ok())
            .map(|user| format!("configmap/{}\n", record::name(&user)))
            .unwrap_or_default()),
        Format::Table | Format::Wide => Ok(text(found, output, now)),
    }
}

fn text(found: &Verification, output: &OutputArgs, now: Timestamp) -> String {
    let user = found.user.as_deref().unwrap_or("unknown");
    let mut text = match &found.file {
        Some(file) => format!("{file} belongs to {user}.\n"),
        None => format!("{user}, checked without their kubeconfig:\n"),
    };
    let namespace = found.namespace.as_deref().unwrap_or_default();
    text.push_str(&format!("  namespace    {namespace}\n"));
    for credential in &found.credentials {
        text.push_str(&format!("  credential   {}\n", describe(credential, now)));
    }
    if let Some(can) = &found.can {
        let can = if can.is_empty() {
            "nothing of what was asked".to_owned()
        } else {
            can.join(", ")
        };
        text.push_str(&format!("  can          {can}\n"));
    }
    text.push('\n');
    // What is as expected is only counted for people; -o wide lists it.
    let all = output.format == Format::Wide;
    let mut shown: Vec<&Check> = found.checks.iter().collect();
    shown.retain(|check| all || !check.passed());
    if !shown.is_empty() {
        let headers = ["RESULT", "CHECK", "WHY"];
        let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
        for check in shown {
            let (result, why) = check.result();
            table.row([result, check.name(), why.unwrap_or("as expected")]);
        }
        text.push_str(&table.render());
    }
    let passed = found.checks.iter().filter(|check| check.passed()).count();
    text.push_str(&format!(
        "{passed} of {} checks as expected\n",
        found.checks.len()
    ));
    text
}

fn describe(credential: &Credential, now: Timestamp) -> String {
    let kind = credential.r#type.map_or("none", |kind| kind.as_str());
    let generation = credential
        .generation
        .map(|generation| format!(", g{generation}"));
    let end = credential
        .not_after
        .map(|end| format!(", until {}", until(end, now)));
    format!(
        "{kind}{}{}, {}",
        generation.unwrap_or_default(),
        end.unwrap_or_default(),
        credential.state.as_str()
    )
}
