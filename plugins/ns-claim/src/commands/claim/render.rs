//! A fresh claim as people and programs read it.

use groundcrew::error::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::apply::Taken;
use super::decide::Wanted;
use crate::commands::answer::{document, until};

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
