//! What is installed, stage by stage; looking at it and writing it.

use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::tenancy::system_namespace;
use serde_json::Value;

use super::cluster;
use super::part::{Part, Standing};
use super::report::Line;
use super::{guard, reaper, rights};
use crate::settings::Settings;
use crate::{meta, objects};

/// Objects that are read at the same time.
pub(super) const CONCURRENCY: usize = 8;

/// Everything that is installed, in the order in which it is made; the grant to claimers last but
/// for the reaper, so that nobody can claim unguarded.
pub(super) struct Stages {
    pub(super) ground: Vec<Value>,
    pub(super) guard: Vec<Value>,
    pub(super) rights: Vec<Value>,
    pub(super) grant: Vec<Value>,
    pub(super) reaper: Vec<Value>,
}

impl Stages {
    pub(super) fn of(settings: &Settings) -> Result<Self> {
        let value = |object: serde_json::Result<Value>| {
            object.map_err(|error| Error::failed("an object cannot be written").with_source(error))
        };
        let mut index = objects::index();
        let text = serde_json::to_string(settings)
            .map_err(|error| Error::failed("the settings cannot be written").with_source(error))?;
        index.metadata.annotations = Some([(meta::SETTINGS.to_owned(), text)].into());
        let guarded = settings.self_service;
        let mut rights = rights::owners(guarded);
        if guarded {
            rights.extend(rights::claimers_and_probe());
        }
        let mut reaper = rights::reaper();
        reaper.extend(reaper::cron_job(settings));
        Ok(Self {
            ground: vec![
                value(serde_json::to_value(system_namespace(meta::MANAGED_BY)))?,
                value(serde_json::to_value(index))?,
            ],
            guard: if guarded {
                guard::objects(settings)
            } else {
                Vec::new()
            },
            rights,
            grant: if guarded { rights::grant() } else { Vec::new() },
            reaper,
        })
    }

    pub(super) fn all(self) -> Vec<Value> {
        [
            self.ground,
            self.guard,
            self.rights,
            self.grant,
            self.reaper,
        ]
        .concat()
    }
}

/// Looks at every object.
pub(super) async fn look(session: &Session, wanted: Vec<Value>) -> Result<Vec<Part>> {
    futures::stream::iter(wanted)
        .map(|object| cluster::look(session, object))
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Writes what is not as it should be; says whether there was anything.
pub(super) async fn put_all(
    session: &Session,
    parts: &[Part],
    dry_run: bool,
    lines: &mut Vec<Line>,
    interrupt: &Interrupt,
) -> Result<bool> {
    let mut changed = false;
    for part in parts {
        if part.standing != Standing::Unchanged {
            changed = true;
            if interrupt.is_set() {
                return Err(Error::interrupted());
            }
            if !dry_run {
                cluster::put(session, part).await?;
            }
        }
        lines.push(Line {
            object: part.title(),
            state: match part.standing {
                Standing::Unchanged => "unchanged",
                Standing::Missing => "created",
                Standing::Altered => "configured",
            },
        });
    }
    Ok(changed)
}
