//! The index of claims: the ConfigMap `groundcrew-system/claims`, namespace → user.
//!
//! It is the counter of the cap as well: the server lets nobody write more names than they may
//! hold, and lets nobody make a namespace that is not in it under their name.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew::error::Result;
use k8s_openapi::api::core::v1::ConfigMap;

use super::meta;
use super::settings::Settings;

/// What the index says.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// What it was at; `None` when it is not there.
    pub resource_version: Option<String>,
    /// Namespace → user.
    pub holders: BTreeMap<String, String>,
    /// What the installation says.
    pub settings: Settings,
    /// Whether the settings are the installation's and not the built-in ones.
    pub installed: bool,
}

impl Index {
    /// Reads the ConfigMap, or the lack of one.
    ///
    /// # Errors
    ///
    /// That its settings cannot be read.
    pub fn of(map: Option<ConfigMap>) -> Result<Self> {
        let Some(map) = map else {
            return Ok(Self::default());
        };
        let text = map
            .metadata
            .annotations
            .as_ref()
            .and_then(|notes| notes.get(meta::SETTINGS));
        Ok(Self {
            resource_version: map.metadata.resource_version,
            holders: map.data.unwrap_or_default(),
            settings: text
                .map(|text| Settings::parse(text))
                .transpose()?
                .unwrap_or_default(),
            installed: text.is_some(),
        })
    }

    /// Returns the names that someone holds.
    #[must_use]
    pub fn of_user(&self, user: &str) -> BTreeSet<&str> {
        self.holders
            .iter()
            .filter(|(_, holder)| *holder == user)
            .map(|(name, _)| name.as_str())
            .collect()
    }
}
