//! The answers that several commands end with: one claim, and how an installation stands.

use std::fmt::Display;

use groundcrew::error::Result;
use groundcrew::flags::duration::Span;
use groundcrew::flags::moment::shown;
use groundcrew::flags::{DryRun, Format, OutputArgs, WriteArgs};
use groundcrew::output::{Document, Table, json, yaml};
use groundcrew::ui::Ui;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::model::kind::Kind;
use crate::model::settings::Settings;
use crate::model::steps::Outcome;
use crate::model::view::{View, between};

/// Returns ` until TIME (8h).   extend up to TIME`.
#[must_use]
pub fn until(view: &View, now: Timestamp, zone: &TimeZone) -> String {
    match (view.ends_at, view.can_reach) {
        (Some(ends), Some(cap)) => format!(
            " until {} ({}), extendable to {}",
            shown(ends, zone),
            Span(between(now, ends)),
            shown(cap, zone)
        ),
        _ if view.protected_by.is_some() => ", protected from expiry".to_owned(),
        _ => "; its expiry cannot be read".to_owned(),
    }
}

/// Says on stderr what became of one object, or what would.
pub fn told(ui: &Ui, object: impl Display, outcome: Outcome, dry_run: DryRun) {
    ui.done(object, format_args!("{outcome}{}", dry_run.suffix()));
}

/// Renders one claim in a format for programs; `None` for the others.
///
/// # Errors
///
/// Only when it cannot be written in that format.
pub fn document(view: &View, output: &OutputArgs) -> Result<Option<String>> {
    Ok(Some(match output.format {
        Format::Json => json(&Document::new(Kind::Claim, view))?,
        Format::Yaml => yaml(&Document::new(Kind::Claim, view))?,
        Format::Name => format!("namespace/{}\n", view.name),
        Format::Table | Format::Wide => return Ok(None),
    }))
}

/// Answers with a claim, or with one sentence about it.
///
/// # Errors
///
/// That nobody reads it.
pub fn claim(
    view: &View,
    word: &str,
    write: &WriteArgs,
    output: &OutputArgs,
    ui: &Ui,
) -> Result<()> {
    let text = match document(view, output)? {
        Some(text) => text,
        None => format!("{} {word}{}\n", view.name, write.dry_run.suffix()),
    };
    ui.answer(text)
}

/// What became of one object, or how it stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<S> {
    /// `kind/namespace/name`.
    pub object: String,
    /// What became of it.
    pub state: S,
}

/// What an installation, or its removal, did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// One for each object.
    pub objects: Vec<Line<Outcome>>,
    /// Whether every policy was seen to deny; none where there is no guard.
    pub guard_denies: Option<bool>,
    /// What the installation says.
    pub settings: Settings,
}

impl Report {
    /// Renders it: what changed, or, wide, everything.
    ///
    /// # Errors
    ///
    /// Only when it cannot be written in that format.
    pub fn render(&self, output: &OutputArgs, dry_run: DryRun) -> Result<String> {
        match output.format {
            Format::Json => return json(&Document::new(Kind::ClaimInstallReport, self)),
            Format::Yaml => return yaml(&Document::new(Kind::ClaimInstallReport, self)),
            Format::Name => {
                return Ok(self
                    .objects
                    .iter()
                    .map(|line| format!("{}\n", name(&line.object)))
                    .collect());
            }
            Format::Table | Format::Wide => {}
        }
        let shown: Vec<&Line<Outcome>> = self
            .objects
            .iter()
            .filter(|line| output.format == Format::Wide || line.state != Outcome::Unchanged)
            .collect();
        if shown.is_empty() {
            return Ok(String::new());
        }
        let mut table = Table::new((!output.no_headers).then_some(&["OBJECT", "STATE"]));
        for line in shown {
            table.row([
                line.object.clone(),
                format!("{}{}", line.state, dry_run.suffix()),
            ]);
        }
        Ok(table.render())
    }
}

/// Returns `kind/name`, as kubectl takes it.
#[must_use]
pub fn name(object: &str) -> String {
    match object.split('/').collect::<Vec<_>>()[..] {
        [kind, _, name] => format!("{kind}/{name}"),
        _ => object.to_owned(),
    }
}
