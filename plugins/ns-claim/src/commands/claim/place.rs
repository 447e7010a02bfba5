//! The place of a claim in the index, and who else has it.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;

use crate::cluster::index::{self, Change};
use crate::model::claim::Claim;
use crate::model::index::Index;
use crate::model::objects::Terms;
use crate::model::settings::Settings;
use crate::model::view::View;

/// How reserving a name ended.
pub enum Reserved {
    /// The owner holds it; `true` when the entry was not there before.
    Held(bool),
    /// Someone else holds it.
    Taken(Error),
}

/// Puts the name under the owner's name into the index, which is then as it was read last.
///
/// # Errors
///
/// The guard's refusal; interrupted; that others were faster each time.
pub async fn reserve(
    session: &Session,
    terms: &Terms,
    index: &mut Index,
    dry_run: DryRun,
    now: Timestamp,
    interrupt: &Interrupt,
) -> Result<Reserved> {
    let decide = |index: &Index| {
        if index.holders.contains_key(&terms.name) {
            Change::Keep
        } else {
            Change::Put(terms.owner.clone())
        }
    };
    let mut fresh = !index.holders.contains_key(&terms.name);
    if dry_run != DryRun::Client {
        let read = std::mem::take(index);
        let tried = dry_run == DryRun::Server;
        let updated =
            index::update(session, interrupt, Some(read), &terms.name, tried, decide).await?;
        *index = updated.index;
        fresh = updated.sent;
    }
    Ok(match index.holders.get(&terms.name) {
        Some(holder) if *holder != terms.owner => {
            Reserved::Taken(held(session, &terms.name, holder, &index.settings, now).await)
        }
        _ => Reserved::Held(fresh),
    })
}

/// Returns the error that says who holds a name, and for how long.
pub async fn held(
    session: &Session,
    name: &str,
    holder: &str,
    settings: &Settings,
    now: Timestamp,
) -> Error {
    let view = match session.of::<Namespace>().find(name).await {
        Ok(Some(found)) => Claim::of(&found).map(|claim| View::of(&claim, settings, now)),
        // The index knows who, and nobody has to be allowed to see more.
        Ok(None) | Err(_) => None,
    };
    match view {
        Some(view) => held_error(name, Some(view), now),
        None => Error::conflict(format!("{name} is held by {holder}"))
            .with_hint("choose another name, or omit it"),
    }
}

/// Returns the error that says that a name is taken.
pub fn held_error(name: &str, view: Option<View>, now: Timestamp) -> Error {
    match view {
        Some(view) => Error::conflict(format!("{name} is held by {}", view.held(now))),
        None => Error::conflict(format!("namespace {name} exists and is not a claim")),
    }
    .with_hint("choose another name, or omit it")
}
