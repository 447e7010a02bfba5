//! The place of a claim in the index, and who else has it.

use std::time::Duration;

use groundcrew::client::Session;
use groundcrew::client::errors::Doing;
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::apply::{Run, TRIES};
use crate::claim::Claim;
use crate::index::{self, Index, Put};
use crate::objects::Terms;
use crate::settings::Settings;
use crate::view::View;
use crate::{meta, refusal};

impl Run<'_> {
    /// Puts the name under the owner's name into the index. `Ok(true)` when it was not there, the
    /// inner error when somebody else holds it.
    pub(super) async fn reserve(
        &self,
        terms: &Terms,
        index: &mut Index,
    ) -> Result<std::result::Result<bool, Error>> {
        let dry_run = self.wanted.dry_run == DryRun::Server;
        let mut fresh = false;
        for attempt in 0..TRIES {
            self.check_interrupt()?;
            match index.holders.get(&terms.name) {
                Some(holder) if *holder == terms.owner => return Ok(Ok(fresh)),
                Some(holder) => {
                    let now = self.clock.now();
                    let error = held(self.session, &terms.name, holder, &index.settings, now);
                    return Ok(Err(error.await));
                }
                None => {}
            }
            let put = index::put(
                self.session,
                index,
                &terms.name,
                Some(&terms.owner),
                dry_run,
            );
            fresh = true;
            match put.await {
                Ok(Put::Done) => return Ok(Ok(true)),
                Ok(Put::Raced) => {
                    let pause = fastrand::u64(1..=10 * u64::from(attempt.min(10) + 1));
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    *index = index::read(self.session).await?.0;
                }
                Err(error) => {
                    let doing = Doing::new("patch", "configmaps")
                        .named(meta::INDEX)
                        .within(SYSTEM_NAMESPACE);
                    return Err(refusal::told(error, &doing));
                }
            }
        }
        Err(
            Error::conflict("too many others are claiming at this moment")
                .with_hint("run the same command again"),
        )
    }

    /// Takes a fresh entry back; what cannot be taken back is the reaper's.
    pub(super) async fn withdraw(&self, terms: &Terms) {
        if self.wanted.dry_run == DryRun::Server {
            return;
        }
        for _ in 0..TRIES {
            let Ok((index, _)) = index::read(self.session).await else {
                return;
            };
            if index.holders.get(&terms.name) != Some(&terms.owner) {
                return;
            }
            match index::put(self.session, &index, &terms.name, None, false).await {
                Ok(Put::Raced) => {}
                Ok(Put::Done) | Err(_) => return,
            }
        }
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
    let api = Api::<Namespace>::all(session.client.clone());
    let view = match api.get_opt(name).await {
        Ok(Some(found)) => Claim::of(&found).map(|claim| View::of(&claim, settings, now)),
        // The index knows who, and nobody has to be allowed to see more.
        Ok(None) | Err(_) => None,
    };
    match view {
        Some(view) => held_error(name, Some(view), now),
        None => Error::conflict(format!("{name} is held by {holder}"))
            .with_hint("choose another name, or leave it out"),
    }
}

pub(super) fn held_error(name: &str, view: Option<View>, now: Timestamp) -> Error {
    match view {
        Some(view) => Error::conflict(format!("{name} is held by {}", view.held(now))),
        None => Error::conflict(format!("namespace {name} exists and is no claim")),
    }
    .with_hint("choose another name, or leave it out")
}
