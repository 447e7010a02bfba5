//! The index of claims: the ConfigMap `groundcrew-system/claims`, namespace → user.
//!
//! It is the counter of the cap as well: the server lets nobody write more names than they may
//! hold, and lets nobody make a namespace that is not in it under their name.

use std::collections::{BTreeMap, BTreeSet};

use groundcrew::error::Result;
use k8s_openapi::api::core::v1::ConfigMap;

use super::meta;
use super::settings::Settings;

/// What the reaper appends to a name whose place it is about to free. No namespace has such a name,
/// so none can be made for the entry; it counts for its holder until it is gone.
pub const CLOSING: &str = ".closing";

/// How much a ConfigMap holds (`MaxSecretSize` of `pkg/apis/core`), in bytes.
const HOLDS: usize = 1 << 20;

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

    /// Returns how much of what a ConfigMap holds is used, in percent.
    #[must_use]
    pub fn percent_full(&self) -> usize {
        let bytes = self
            .holders
            .iter()
            .map(|(name, user)| name.len() + user.len());
        bytes.sum::<usize>() * 100 / HOLDS
    }

    /// Returns who holds a name, also while its place is being freed.
    #[must_use]
    pub fn holder(&self, name: &str) -> Option<&str> {
        let holder = self.holders.get(name);
        let holder = holder.or_else(|| self.holders.get(&format!("{name}{CLOSING}")));
        holder.map(String::as_str)
    }

    /// Returns the names whose places are being freed, with who holds them.
    pub fn closing(&self) -> impl Iterator<Item = (&str, &str)> {
        self.holders
            .iter()
            .filter_map(|(name, user)| Some((name.strip_suffix(CLOSING)?, user.as_str())))
    }

    /// Returns the names that someone holds, and who.
    pub fn held(&self) -> impl Iterator<Item = (&str, &str)> {
        self.holders
            .iter()
            .filter(|(name, _)| !name.ends_with(CLOSING))
            .map(|(name, user)| (name.as_str(), user.as_str()))
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
