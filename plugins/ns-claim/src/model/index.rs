//! The index of claims: the ConfigMap `groundcrew-system/claims`, namespace → user.
//!
//! It is the counter of the cap as well: the server lets nobody write more names than they may
//! hold, and lets nobody make a namespace that is not in it under their name.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use groundcrew::error::Result;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

use super::meta;
use super::settings::Settings;
use super::view::between;

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
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When a reaper last came to the end of a run.
    pub reaped: Option<Timestamp>,
}

/// That no reaper runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreaped {
    /// None came to the end of a run since this one.
    Since(Timestamp),
    /// None ever came to the end of a run; the index was made then.
    Never(Timestamp),
}

impl fmt::Display for Unreaped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Since(last) => write!(f, "no reaper has completed a run since {last}"),
            Self::Never(since) => write!(
                f,
                "no reaper has ever completed a run; claims are possible since {since}"
            ),
        }
    }
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
        let notes = map.metadata.annotations.as_ref();
        let note = |key| notes.and_then(|notes| notes.get(key));
        let text = note(meta::SETTINGS);
        Ok(Self {
            resource_version: map.metadata.resource_version,
            holders: map.data.unwrap_or_default(),
            settings: text
                .map(|text| Settings::parse(text))
                .transpose()?
                .unwrap_or_default(),
            installed: text.is_some(),
            created: map.metadata.creation_timestamp.map(|time| time.0),
            reaped: note(meta::REAPED).and_then(|text| text.parse().ok()),
        })
    }

    /// Returns since when no reaper has come to the end of a run, if that is for longer than an
    /// installation can be without one: since the last run, or since the index was made.
    #[must_use]
    pub fn unreaped_since(&self, now: Timestamp) -> Option<Unreaped> {
        let since = self.reaped.or(self.created)?;
        (between(since, now) > self.settings.silence()).then_some(match self.reaped {
            Some(last) => Unreaped::Since(last),
            None => Unreaped::Never(since),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::claim::tests::at;

    #[test]
    fn a_reaper_that_did_not_run_lately_is_missed_scheduled_or_not() {
        let mut index = Index {
            created: Some(at("2026-11-21T12:00:00Z")),
            ..Index::default()
        };
        let after = |seconds| {
            let made = at("2026-11-21T12:00:00Z");
            made.checked_add(Duration::from_secs(seconds)).unwrap()
        };
        let made = at("2026-11-21T12:00:00Z");
        // By hand or in CI: once a day.
        assert_eq!(index.unreaped_since(after(86_400)), None);
        let never = Some(Unreaped::Never(made));
        assert_eq!(index.unreaped_since(after(86_401)), never);
        let last = after(80_000);
        index.reaped = Some(last);
        assert_eq!(index.unreaped_since(after(86_401)), None);
        // Every quarter of an hour.
        index.settings.image = Some("x".to_owned());
        assert_eq!(index.unreaped_since(after(82_250)), None);
        let missed = index.unreaped_since(after(82_251));
        assert_eq!(missed, Some(Unreaped::Since(last)));
        // Of another schedule it is not known how often it runs.
        index.settings.schedule = "0 5 * * *".to_owned();
        assert_eq!(index.unreaped_since(after(86_401)), None);
    }

    #[test]
    fn a_run_that_nobody_can_read_is_no_run() {
        let map = |text: &str| ConfigMap {
            metadata: kube::api::ObjectMeta {
                annotations: Some([(meta::REAPED.to_owned(), text.to_owned())].into()),
                ..kube::api::ObjectMeta::default()
            },
            ..ConfigMap::default()
        };
        let reaped = |text| Index::of(Some(map(text))).unwrap().reaped;
        let moment = "2026-11-21T12:00:00Z";
        assert_eq!(reaped(moment), Some(at(moment)));
        assert_eq!(reaped("lately"), None);
    }
}
