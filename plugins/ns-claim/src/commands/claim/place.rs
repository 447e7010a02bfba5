//! The place of a claim in the index, and who else has it.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;

use crate::cluster::index::{self, Change};
use crate::model::claim::Claim;
use crate::model::index::{CLOSING, Index};
use crate::model::objects::Terms;
use crate::model::settings::Settings;
use crate::model::view::View;

/// How the guard's refusal at the cap begins.
const HOLD: &str = "you hold ";

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
        if index.holder(&terms.name).is_some() {
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
            index::update(session, interrupt, Some(read), &terms.name, tried, decide).await;
        let updated = match updated {
            Err(error) if error.to_string().contains(HOLD) => {
                return Err(full(session, &terms.owner, error).await);
            }
            updated => updated?,
        };
        *index = updated.index;
        fresh = updated.sent;
    }
    if !index.holders.contains_key(&terms.name)
        && let Some(holder) = index.holder(&terms.name)
    {
        let name = &terms.name;
        return Ok(Reserved::Taken(
            Error::conflict(format!(
                "{name} was {holder}'s, and its place is being freed"
            ))
            .with_hint("run the same command again in a minute, or choose another name"),
        ));
    }
    Ok(match index.holders.get(&terms.name) {
        Some(holder) if *holder != terms.owner => {
            Reserved::Taken(held(session, &terms.name, holder, &index.settings, now).await)
        }
        _ => Reserved::Held(fresh),
    })
}

/// Says why places are taken whose claims were released: one that is going counts until it is gone,
/// and the reaper was there.
async fn full(session: &Session, owner: &str, mut error: Error) -> Error {
    let Ok((index, _)) = index::read(session).await else {
        return error;
    };
    let mut again = None;
    for name in index.of_user(owner) {
        let plain = name.strip_suffix(CLOSING).unwrap_or(name);
        let line = match session.of::<Namespace>().find(plain).await {
            Ok(None) if plain == name => {
                again = again.or_else(|| Some(plain.to_owned()));
                format!("{plain} is gone; the reaper frees its place at its next run")
            }
            Ok(None) => format!("{plain} is gone; the reaper is freeing its place"),
            Ok(Some(found)) => match Claim::of(&found).and_then(|claim| claim.terminating) {
                Some(blockers) if blockers.is_empty() => format!("{plain} is still being deleted"),
                Some(blockers) => {
                    format!("{plain} is still being deleted: {}", blockers.join("; "))
                }
                None => continue,
            },
            Err(_) => continue,
        };
        error = error.with_detail(line);
    }
    match again {
        Some(name) => error.with_hint(format!("claim that one again:  kubectl ns-claim {name}")),
        None => error,
    }
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
