//! A fresh claim as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::OutputArgs;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::apply::Taken;
use super::decide::Wanted;
use crate::commands::answer::{document, until};
use crate::model::objects::Terms;
use crate::model::settings::Settings;
use crate::model::view::View;

/// Renders the claim that there is now.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn done(taken: &Taken, wanted: &Wanted, now: Timestamp, zone: &TimeZone) -> Result<String> {
    let view = &taken.view;
    if let Some(text) = document(view, &wanted.output)? {
        return Ok(text);
    }
    let whose = match &wanted.owner {
        Some(owner) => format!("{owner}'s"),
        None => "yours".to_owned(),
    };
    let mut text = format!("{} is {whose}{}", view.name, until(view, now, zone));
    text.push_str(wanted.dry_run.suffix());
    text.push('\n');
    if !wanted.switch && wanted.owner.is_none() {
        text.push_str(&format!(
            "  kubectl config set-context --current --namespace={}\n",
            view.name
        ));
    }
    Ok(text)
}

/// Renders what would be claimed.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn planned(
    terms: &Terms,
    settings: &Settings,
    output: &OutputArgs,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<String> {
    let view = View {
        name: terms.name.clone(),
        owner: Some(terms.owner.clone()),
        team: terms.team.clone(),
        purpose: terms.purpose.clone(),
        state: "planned",
        created_at: None,
        expires_at: Some(terms.expires.to_string()),
        ends_at: Some(terms.expires),
        can_reach: now.checked_add(settings.max_total().0).ok(),
        warned_at: terms.warned,
        protected_by: None,
        blockers: Vec::new(),
    };
    if let Some(text) = document(&view, output)? {
        return Ok(text);
    }
    let until = until(&view, now, zone);
    Ok(format!(
        "{} would be {}'s{until} (dry run)\n",
        view.name, terms.owner
    ))
}
