//! What the cluster remembers of a person: the ConfigMap `onboard-<slug>`.
//!
//! Certificates leave no trace in the API server once their request is collected (after an
//! hour), so this record is the inventory. It never holds a key.

use std::collections::BTreeMap;

use groundcrew::error::{Error, Result};
use groundcrew::output::API_VERSION;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::{Deserialize, Serialize};

use crate::model::generation::Generation;
use crate::model::holder::Holder;
use crate::model::kind::Kind;
use crate::model::labels;
use crate::model::left::Left;
use crate::model::settings::Settings;
use crate::model::user::UserName;

/// Key of the ConfigMap's data.
const KEY: &str = "record.json";

/// Everything that was ever issued to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    api_version: String,
    kind: Kind,
    /// The user name, exactly.
    pub user: String,
    /// The user's namespace; the first of their memberships when the user has none of their own.
    pub namespace: String,
    /// What the latest run was asked for; a later run takes over what it does not give.
    pub settings: Settings,
    /// Every issue, oldest first.
    pub generations: Vec<Generation>,
    /// The issue that a run has begun. Anybody who writes this last goes on; the others notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// Namespaces in which a run gives the user another role. A run that dies there leaves both
    /// bindings, and the next one removes what is left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replacing: Vec<String>,
    /// The user's access was ended. Hired again, the user starts at the next generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// The end of somebody's access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// When it began to end.
    pub at: Timestamp,
    /// The server's word for the admin who ended it.
    pub by: String,
    /// When it was proved that nothing is left; absent while something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_at: Option<Timestamp>,
    /// The highest generation that a binding named, where the record knows of less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_generation: Option<u32>,
    /// What the user could have left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub could_have_left: Vec<Left>,
}

/// An issue that has begun and is not on record yet: its run is under way, or has died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    /// The generation that the run issues; no other run uses the same number.
    pub generation: u32,
    /// The server's word for the admin whose run it is.
    pub by: String,
    /// When the run began, or began to take back.
    pub since: Timestamp,
    /// SHA-256 of the user's public key when the user made it themselves: the same number may be
    /// issued again to the same key, since its certificate is not in anybody else's hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Tells one run from another: two runs of one admin may begin within the same second, and the
    /// second would write what is there already, which no server counts as a change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The run has failed and removes what it made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taking_back: bool,
}

/// How long another run may take to remove what it made; after that it is dead.
const TAKING_BACK: SignedDuration = SignedDuration::from_mins(1);

impl Begun {
    /// Returns whether the run is removing things that a new run would build on.
    #[must_use]
    pub fn is_in_the_way(&self, now: Timestamp) -> bool {
        self.taking_back && now.duration_since(self.since).abs() < TAKING_BACK
    }
}

impl Record {
    /// Returns a record without any issue.
    #[must_use]
    pub fn new(user: &UserName, namespace: &str, settings: Settings) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: Kind::OnboardRecord,
            user: user.as_str().to_owned(),
            namespace: namespace.to_owned(),
            settings,
            generations: Vec::new(),
            begun: None,
            replacing: Vec::new(),
            ended: None,
        }
    }

    /// Reads a record out of its ConfigMap.
    ///
    /// # Errors
    ///
    /// Conflict, when the ConfigMap is not a record: somebody else's object or a hand edit.
    pub fn from_config_map(map: &ConfigMap) -> Result<Self> {
        let name = map.metadata.name.as_deref().unwrap_or_default();
        let broken = |why: String| {
            Error::conflict(format!(
                "configmap {SYSTEM_NAMESPACE}/{name} is not a record of kubectl onboard: {why}"
            ))
            .with_hint(format!(
                "look at it:  kubectl get configmap {name} -n {SYSTEM_NAMESPACE} -o yaml"
            ))
        };
        let text = map.data.as_ref().and_then(|data| data.get(KEY));
        let text = text.ok_or_else(|| broken(format!("it has no key {KEY}")))?;
        let record: Self = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        if record.kind != Kind::OnboardRecord || record.api_version != API_VERSION {
            return Err(broken(format!(
                "it holds {:?} of {}, this version reads records of {API_VERSION}",
                record.kind, record.api_version
            )));
        }
        Ok(record)
    }

    /// Returns the ConfigMap that keeps this record.
    ///
    /// # Errors
    ///
    /// Only when a value has no JSON form.
    pub fn to_config_map(&self, user: &UserName) -> Result<ConfigMap> {
        let text = groundcrew::output::json(self)?;
        let mut metadata = labels::object(&name(user), Some(SYSTEM_NAMESPACE), user);
        metadata
            .labels
            .get_or_insert_default()
            .insert(labels::RECORD_LABEL.into(), "onboard".into());
        Ok(ConfigMap {
            metadata,
            data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
            ..ConfigMap::default()
        })
    }

    /// Returns the issues that hold rights at `now`, oldest first.
    pub fn live(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &Generation> {
        let over = self.ended.is_some();
        self.generations.iter().filter(move |issue| {
            !over && issue.revoked_at.is_none() && issue.not_after > now && !issue.is_due(now)
        })
    }

    /// Returns the role that the user has in [`Self::namespace`].
    #[must_use]
    pub fn home_role(&self) -> &str {
        let joined = self.settings.memberships.first();
        let joined = joined.filter(|_| self.settings.no_namespace);
        joined.map_or(&self.settings.role, |one| &one.role)
    }

    /// Returns whether the user's access began to end, and the run that ended it has not come to
    /// its end: a binding may still give rights to an old generation.
    #[must_use]
    pub fn is_half_ended(&self) -> bool {
        let mut issues = self.generations.iter();
        self.ended.is_some() && issues.any(|issue| issue.revoked_at.is_none())
    }

    /// Returns who the rights belong to at `now`, each once.
    #[must_use]
    pub fn holders(&self, user: &UserName, now: Timestamp) -> Vec<Holder> {
        let mut holders = Vec::new();
        for issue in self.live(now) {
            let holder = Holder::of_issue(user, issue);
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
        holders
    }

    /// Returns the number of the next issue: one more than any before, also of revoked ones and
    /// of those that only began, so that no old credential ever comes back to life.
    #[must_use]
    pub fn next_generation(&self) -> u32 {
        self.generations
            .iter()
            .map(|issue| issue.generation)
            .chain(self.begun.as_ref().map(|begun| begun.generation))
            .chain(
                self.ended
                    .as_ref()
                    .and_then(|ended| ended.highest_generation),
            )
            .max()
            .unwrap_or(0)
            + 1
    }
}

/// Returns the name of a person's record.
#[must_use]
pub fn name(user: &UserName) -> String {
    format!("onboard-{}", user.slug())
}

/// Returns the error for somebody who is not on record.
pub fn unknown(user: &UserName) -> Error {
    Error::failed(format!("there is no record of user {user}"))
        .with_hint("onboarded users:  kubectl onboard list")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::credential_kind::CredentialKind;

    fn generation(generation: u32, not_after: &str, revoked: bool) -> Generation {
        let not_after: Timestamp = not_after.parse().unwrap();
        Generation {
            generation,
            kind: CredentialKind::Certificate,
            sha256: Some("ab".repeat(32)),
            groups: vec![format!("onboard:alice:g{generation}")],
            asserted: None,
            not_after,
            issued_at: not_after,
            issued_by: "carol".to_owned(),
            proved_at: None,
            retire_after: None,
            revoked_at: revoked.then_some(not_after),
        }
    }

    fn alice() -> (UserName, Record) {
        let user = UserName::parse("alice").unwrap();
        let record = Record::new(&user, "alice", Settings::default());
        (user, record)
    }

    #[test]
    fn a_record_survives_its_config_map() {
        let (user, mut record) = alice();
        record
            .generations
            .push(generation(1, "2026-12-21T09:14:00Z", false));
        let map = record.to_config_map(&user).unwrap();
        assert_eq!(Record::from_config_map(&map).unwrap(), record);
    }

    #[test]
    fn the_next_generation_is_above_every_old_one() {
        let (_, mut record) = alice();
        assert_eq!(record.next_generation(), 1);
        record
            .generations
            .push(generation(3, "2026-12-21T09:14:00Z", true));
        assert_eq!(record.next_generation(), 4);
        record.begun = Some(begun("2026-12-21T09:14:00Z"));
        assert_eq!(record.next_generation(), 8);
    }

    fn begun(since: &str) -> Begun {
        Begun {
            run: None,
            generation: 7,
            by: "carol".to_owned(),
            since: since.parse().unwrap(),
            key: None,
            taking_back: true,
        }
    }

    #[test]
    fn only_a_run_that_takes_back_right_now_is_in_the_way() {
        let now: Timestamp = "2026-12-21T09:14:00Z".parse().unwrap();
        let mut begun = begun("2026-12-21T09:13:30Z");
        assert!(begun.is_in_the_way(now));
        begun.taking_back = false;
        assert!(!begun.is_in_the_way(now));
        assert!(!self::begun("2026-12-21T09:12:59Z").is_in_the_way(now));
    }

    #[test]
    fn neither_a_revoked_nor_an_ended_issue_is_live() {
        let now: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
        let (_, mut record) = alice();
        record
            .generations
            .push(generation(1, "2026-11-30T00:00:00Z", false));
        record
            .generations
            .push(generation(2, "2026-12-21T00:00:00Z", true));
        assert_eq!(record.live(now).count(), 0);
        record
            .generations
            .push(generation(3, "2026-12-21T00:00:00Z", false));
        let live: Vec<u32> = record.live(now).map(|issue| issue.generation).collect();
        assert_eq!(live, [3]);
        record.generations[2].retire_after = Some(now);
        assert_eq!(record.live(now).count(), 0);
        assert!(record.generations[2].is_due(now));
    }

    #[test]
    fn a_foreign_config_map_is_a_conflict_and_is_named() {
        let map = ConfigMap {
            metadata: labels::object("onboard-alice", None, &alice().0),
            ..ConfigMap::default()
        };
        let error = Record::from_config_map(&map).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("groundcrew-system/onboard-alice"),
            "{error}"
        );
        assert_eq!(error.kind(), groundcrew::error::Kind::Conflict);
    }
}
