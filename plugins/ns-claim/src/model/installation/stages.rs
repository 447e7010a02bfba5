//! What is installed, stage by stage.

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::system_namespace;
use serde_json::Value;

use super::{guard, reaper, rights};
use crate::model::settings::Settings;
use crate::model::{meta, objects};

/// Everything that is installed, in the order in which it is made; the grant to claimers last but
/// for the reaper, so that nobody can claim unguarded.
pub struct Stages {
    pub ground: Vec<Value>,
    pub guard: Vec<Value>,
    pub rights: Vec<Value>,
    pub grant: Vec<Value>,
    pub reaper: Vec<Value>,
}

impl Stages {
    pub fn of(settings: &Settings) -> Result<Self> {
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

    pub fn all(self) -> Vec<Value> {
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
