//! A fresh claim as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::duration::Span;
use groundcrew::flags::moment::shown;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Kind, json, yaml};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::apply::Taken;
use super::plan::Wanted;
use crate::objects::Terms;
use crate::settings::Settings;
use crate::view::{View, between};

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

/// Returns ` until TIME (8h).   extend up to TIME`.
#[must_use]
pub fn until(view: &View, now: Timestamp, zone: &TimeZone) -> String {
    match (view.ends_at, view.can_reach) {
        (Some(ends), Some(cap)) => format!(
            " until {} ({}).   extend up to {}",
            shown(ends, zone),
            Span(between(now, ends)),
            shown(cap, zone)
        ),
        _ if view.protected_by.is_some() => " for good.".to_owned(),
        _ => "; its end cannot be read.".to_owned(),
    }
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

/// Renders one claim in a format for programs; `None` for the others.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn document(view: &View, output: &OutputArgs) -> Result<Option<String>> {
    Ok(Some(match output.format {
        Format::Json => json(&Document::new(Kind::Claim, view))?,
        Format::Yaml => yaml(&Document::new(Kind::Claim, view))?,
        Format::Name => format!("namespace/{}\n", view.name),
        Format::Table | Format::Wide => return Ok(None),
    }))
}
