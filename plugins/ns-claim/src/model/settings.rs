//! What the installation says: lifetimes, limits, the role of an owner.

use std::time::Duration;

use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use groundcrew::output::API_VERSION;
use serde::{Deserialize, Serialize};

use crate::model::kind::Kind;
use crate::model::meta;

/// Lifetimes and limits; kept as JSON in an annotation of the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub(crate) api_version: String,
    pub(crate) kind: Kind,
    /// Shortest lifetime, in seconds.
    pub min_ttl_seconds: u64,
    /// Lifetime of a claim if none is given, in seconds.
    pub default_ttl_seconds: u64,
    /// Longest lifetime, extensions included, in seconds.
    pub max_total_seconds: u64,
    /// How long before its end a claim's owner is warned, in seconds.
    pub warn_seconds: u64,
    /// Claims that one person may hold at once.
    pub max_claims: u32,
    /// Whether plain users may claim, which takes the server's guard.
    pub self_service: bool,
    /// ClusterRole that an owner gets.
    pub owner_role: String,
    /// How long after the warning nothing is deleted, in seconds.
    pub grace_seconds: u64,
    /// When more claims than this are due at once, none is deleted.
    pub max_deletes: u32,
    /// When the reaper runs, as cron writes it.
    pub schedule: String,
    /// How long the records of ended claims are kept, in seconds.
    #[serde(default = "ninety_days")]
    pub keep_records_seconds: u64,
    /// What the names of claims begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_prefix: Option<String>,
    /// Labels and annotations that the cluster adds to namespaces and acts upon: those found when it
    /// was installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added_keys: Vec<String>,
    /// Image of the reaper; without one, no reaper is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The reaper is run by other means, in CI for example, and that was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reaped_elsewhere: bool,
}

/// A reaper by hand or in CI that was not there for so long is not there.
const SILENCE: Duration = Duration::from_secs(86_400);
/// A schedule that had no run for so long does not work: two runs and a half of the default.
const FAILING: Duration = Duration::from_secs(2250);

/// Of installations that say nothing of it.
fn ninety_days() -> u64 {
    90 * 86_400
}

impl Default for Settings {
    /// What holds where nothing is installed: only admins can claim then.
    fn default() -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: Kind::ClaimSettings,
            min_ttl_seconds: 600,
            default_ttl_seconds: 8 * 3600,
            max_total_seconds: 7 * 86_400,
            warn_seconds: 3600,
            max_claims: 3,
            self_service: false,
            owner_role: "edit".to_owned(),
            grace_seconds: 1800,
            max_deletes: 20,
            schedule: "*/15 * * * *".to_owned(),
            keep_records_seconds: ninety_days(),
            name_prefix: None,
            added_keys: Vec::new(),
            image: None,
            reaped_elsewhere: false,
        }
    }
}

impl Settings {
    /// Reads the annotation.
    ///
    /// # Errors
    ///
    /// That it is not what an installation writes. Nothing is guessed then: a wrong cap deletes.
    pub fn parse(text: &str) -> Result<Self> {
        let broken = |why: String| {
            Error::failed(format!(
                "the settings of ns-claim cannot be read: annotation {} of configmap {} in \
                 namespace {}: {why}",
                meta::SETTINGS,
                meta::INDEX,
                groundcrew::tenancy::SYSTEM_NAMESPACE
            ))
            .with_hint("an admin can restore them: kubectl ns-claim install")
        };
        let settings: Self =
            serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        if settings.kind != Kind::ClaimSettings || settings.api_version != API_VERSION {
            return Err(broken("not this version's settings".to_owned()));
        }
        settings.check().map_err(broken)?;
        Ok(settings)
    }

    /// Says what does not fit together.
    ///
    /// # Errors
    ///
    /// One sentence that names both values.
    pub fn check(&self) -> Result<(), String> {
        let (min, default, max) = (self.min_ttl(), self.default_ttl(), self.max_total());
        if min.0.is_zero() || default < min || max < default {
            return Err(format!(
                "the shortest lifetime ({min}), the default ({default}) and the longest ({max}) must be \
                 in ascending order"
            ));
        }
        if max.0 > Duration::from_secs(3650 * 86_400) {
            return Err(format!("{max} is not temporary"));
        }
        if self.max_claims == 0 {
            return Err("with --max-claims 0, nobody could claim".to_owned());
        }
        Ok(())
    }

    /// Returns the shortest lifetime.
    #[must_use]
    pub fn min_ttl(&self) -> Span {
        Span(Duration::from_secs(self.min_ttl_seconds))
    }

    /// Returns the lifetime of a claim if none is given.
    #[must_use]
    pub fn default_ttl(&self) -> Span {
        Span(Duration::from_secs(self.default_ttl_seconds))
    }

    /// Returns the longest lifetime, extensions included.
    #[must_use]
    pub fn max_total(&self) -> Span {
        Span(Duration::from_secs(self.max_total_seconds))
    }

    /// Returns how long after the warning nothing is deleted.
    #[must_use]
    pub fn grace(&self) -> Span {
        Span(Duration::from_secs(self.grace_seconds))
    }

    /// Returns how long the records of ended claims are kept.
    #[must_use]
    pub fn keep_records(&self) -> Span {
        Span(Duration::from_secs(self.keep_records_seconds))
    }

    /// Returns for how long no reaper may run before that is told. Of another schedule than the
    /// default, and of a reaper elsewhere, it is not known how often it runs: once a day is enough.
    #[must_use]
    pub fn silence(&self) -> Duration {
        match self.image.is_some() && self.schedule == Self::default().schedule {
            true => FAILING,
            false => SILENCE,
        }
    }

    /// Returns how long before its end a claim's owner is warned.
    #[must_use]
    pub fn warn(&self) -> Span {
        Span(Duration::from_secs(self.warn_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_what_they_write() {
        let settings = Settings::default();
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(Settings::parse(&text).unwrap(), settings);
    }

    #[test]
    fn settings_that_would_delete_too_early_are_refused() {
        let shrunk = Settings {
            max_total_seconds: 60,
            ..Settings::default()
        };
        let text = serde_json::to_string(&shrunk).unwrap();
        assert!(
            Settings::parse(&text)
                .unwrap_err()
                .to_string()
                .contains("order")
        );
        for text in ["", "{}", "null"] {
            assert!(Settings::parse(text).is_err(), "{text}");
        }
    }
}
