//! One claim as its namespace tells it, and the arithmetic of its lifetime. Pure.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::model::meta;
use crate::model::settings::Settings;

/// A namespace with the claim label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Name of the namespace.
    pub name: String,
    /// UID of the namespace.
    pub uid: String,
    /// What it was at when it was read.
    pub resource_version: String,
    /// When the server made it.
    pub created: Option<Timestamp>,
    /// The owner's user name.
    pub owner: Option<String>,
    /// Team, as given.
    pub team: Option<String>,
    /// Purpose, as given.
    pub purpose: Option<String>,
    /// Address or channel for questions about it, as given.
    pub contact: Option<String>,
    /// The server recorded that it was made as a claim, not labelled as one later.
    pub born: bool,
    /// What stands in the annotation.
    pub expires: Expires,
    /// When the owner was last warned.
    pub warned_at: Option<Timestamp>,
    /// Who protected it from expiry.
    pub protected_by: Option<String>,
    /// It is going, and this keeps it.
    pub terminating: Option<Vec<String>>,
    /// Since when it is going.
    pub deleted_at: Option<Timestamp>,
}

/// What the annotation with the end says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expires {
    /// A moment.
    At(Timestamp),
    /// There is none.
    Missing,
    /// Text that is not a time.
    Garbled(String),
}

/// From when to when a claim may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The effective end: the annotation's, or the cap if that is earlier.
    pub ends: Timestamp,
    /// The end that no extension goes beyond.
    pub cap: Timestamp,
}

/// How a claim stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nothing to do.
    Active,
    /// Its owner was warned of this end.
    Warned,
    /// Its end is over; the reaper comes.
    Expired,
    /// It is protected from expiry.
    Protected,
    /// Its end cannot be read: it is kept.
    Invalid,
    /// It is going.
    Terminating,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "active",
            Self::Warned => "warned",
            Self::Expired => "expired",
            Self::Protected => "protected",
            Self::Invalid => "invalid",
            Self::Terminating => "terminating",
        })
    }
}

impl Claim {
    /// Reads a namespace; `None` when it is not a claim.
    #[must_use]
    pub fn of(namespace: &Namespace) -> Option<Self> {
        let metadata = &namespace.metadata;
        let label = metadata.labels.as_ref()?.get(meta::CLAIM.0)?;
        if label != meta::CLAIM.1 {
            return None;
        }
        let note = |key: &str| {
            let text = metadata.annotations.as_ref()?.get(key)?;
            Some(text.clone()).filter(|text| !text.is_empty())
        };
        Some(Self {
            name: metadata.name.clone()?,
            uid: metadata.uid.clone()?,
            resource_version: metadata.resource_version.clone()?,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            owner: note(meta::OWNER),
            team: note(meta::TEAM),
            purpose: note(meta::PURPOSE),
            contact: note(meta::CONTACT),
            born: was_born(metadata),
            expires: match note(meta::EXPIRES) {
                None => Expires::Missing,
                Some(text) => moment(&text).map_or(Expires::Garbled(text), Expires::At),
            },
            warned_at: note(meta::WARNED).and_then(|text| moment(&text)),
            protected_by: note(meta::PROTECTED),
            terminating: metadata
                .deletion_timestamp
                .is_some()
                .then(|| blockers(namespace)),
            deleted_at: metadata.deletion_timestamp.as_ref().map(|time| time.0),
        })
    }

    /// Returns what was read, so that a write can be one of exactly that.
    #[must_use]
    pub fn read(&self) -> ObjectMeta {
        ObjectMeta {
            name: Some(self.name.clone()),
            uid: Some(self.uid.clone()),
            resource_version: Some(self.resource_version.clone()),
            ..ObjectMeta::default()
        }
    }

    /// Returns what says which namespace it is, whatever has changed since it was read.
    #[must_use]
    pub fn by_uid(&self) -> ObjectMeta {
        ObjectMeta {
            resource_version: None,
            ..self.read()
        }
    }

    /// Returns from when to when it may live; `None` when its end cannot be read.
    ///
    /// However far away the annotated end is, the claim ends at creation plus the longest lifetime.
    #[must_use]
    pub fn lifetime(&self, settings: &Settings) -> Option<Lifetime> {
        let Expires::At(end) = self.expires else {
            return None;
        };
        let cap = self.created?.checked_add(settings.max_total().0).ok()?;
        Some(Lifetime {
            ends: end.min(cap),
            cap,
        })
    }

    /// Says whether its owner was warned of this very end and not of an earlier one.
    ///
    /// A warning counts from `warn` before the end on, so extending need not clear it; one from
    /// the future is someone's invention.
    #[must_use]
    pub fn was_warned(&self, ends: Timestamp, warn: Duration, now: Timestamp) -> bool {
        let (Some(at), Ok(from)) = (self.warned_at, ends.checked_sub(warn)) else {
            return false;
        };
        at >= from && at <= now
    }

    /// Returns how it stands.
    #[must_use]
    pub fn state(&self, settings: &Settings, now: Timestamp) -> State {
        if self.terminating.is_some() {
            return State::Terminating;
        }
        if self.protected_by.is_some() {
            return State::Protected;
        }
        match self.lifetime(settings) {
            None => State::Invalid,
            Some(life) if life.ends <= now => State::Expired,
            Some(life) if self.was_warned(life.ends, settings.warn().0, now) => State::Warned,
            Some(_) => State::Active,
        }
    }
}

/// Says whether the request that made the namespace made it a claim, as far as the server recorded
/// it: one writer owns the label that the server gives every namespace at its creation, the claim's
/// label and the owner, and wrote last when it was made. (A field manager is a name that anybody may
/// give, so other writers than this plugin may not have written later.)
fn was_born(metadata: &ObjectMeta) -> bool {
    let owns = |fields: &serde_json::Value, map: &str, key: &str| {
        fields["f:metadata"][map].get(format!("f:{key}")).is_some()
    };
    let entries = metadata.managed_fields.iter().flatten();
    entries
        .filter(|entry| entry.subresource.is_none())
        .any(|entry| {
            let Some(fields) = entry.fields_v1.as_ref().map(|fields| &fields.0) else {
                return false;
            };
            let at_once = entry.time.is_some() && entry.time == metadata.creation_timestamp;
            let own = entry.manager.as_deref() == Some(meta::FIELD_MANAGER);
            (at_once || own)
                && owns(fields, "f:labels", "kubernetes.io/metadata.name")
                && owns(fields, "f:labels", meta::CLAIM.0)
                && owns(fields, "f:annotations", meta::OWNER)
        })
}

/// Reads RFC 3339 and nothing else.
fn moment(text: &str) -> Option<Timestamp> {
    if text.contains('T') && !text.contains('[') {
        text.parse().ok()
    } else {
        None
    }
}

/// Returns why a namespace that is going is still there, in the server's words.
fn blockers(namespace: &Namespace) -> Vec<String> {
    let conditions = namespace
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let mut lines: Vec<String> = conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition.status == "True")
        .map(|condition| {
            let message = condition.message.as_deref().unwrap_or_default();
            format!("{}: {message}", condition.type_)
        })
        .collect();
    let finalizers = namespace.metadata.finalizers.as_deref().unwrap_or_default();
    lines.extend(finalizers.iter().map(|name| format!("finalizer {name}")));
    lines
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A claim of ana's, made at noon and ending at eight.
    pub(crate) fn claim() -> Claim {
        Claim {
            name: "ana-brisk-otter".to_owned(),
            uid: "u1".to_owned(),
            resource_version: "7".to_owned(),
            created: Some(at("2026-11-21T12:00:00Z")),
            owner: Some("ana".to_owned()),
            team: None,
            purpose: Some("repro".to_owned()),
            contact: None,
            born: false,
            expires: Expires::At(at("2026-11-21T20:00:00Z")),
            warned_at: None,
            protected_by: None,
            terminating: None,
            deleted_at: None,
        }
    }

    fn namespace(expires: serde_json::Value) -> Namespace {
        serde_json::from_value(json!({"metadata": {
            "name": "a", "uid": "u", "resourceVersion": "1",
            "creationTimestamp": "2026-11-21T12:00:00Z",
            "labels": {"groundcrew.dev/claim": "true"},
            "annotations": {"groundcrew.dev/expires-at": expires},
        }}))
        .unwrap()
    }

    #[test]
    fn a_namespace_without_the_label_is_not_a_claim() {
        let mut other = namespace(json!("2026-11-21T20:00:00Z"));
        assert!(Claim::of(&other).is_some());
        other
            .metadata
            .labels
            .as_mut()
            .unwrap()
            .insert(meta::CLAIM.0.to_owned(), "false".to_owned());
        assert_eq!(Claim::of(&other), None);
        other.metadata.labels = None;
        assert_eq!(Claim::of(&other), None);
    }

    #[test]
    fn a_garbled_empty_or_missing_end_is_never_an_end() {
        let settings = Settings::default();
        for text in [
            "",
            "soon",
            "2026-11-21",
            "1700000000",
            "8h",
            "2026-11-21T20:00:00",
        ] {
            let claim = Claim::of(&namespace(json!(text))).unwrap();
            assert_eq!(claim.lifetime(&settings), None, "{text}");
            assert_eq!(
                claim.state(&settings, at("2099-01-01T00:00:00Z")),
                State::Invalid
            );
        }
        let mut missing = namespace(json!("x"));
        missing.metadata.annotations = None;
        assert_eq!(Claim::of(&missing).unwrap().expires, Expires::Missing);
    }

    #[test]
    fn a_label_that_was_set_later_does_not_make_a_claim_born() {
        let made = |manager: &str, time: &str, claim: bool| {
            let mut labels = json!({"f:kubernetes.io/metadata.name": {}});
            if claim {
                labels["f:groundcrew.dev/claim"] = json!({});
            }
            let metadata: ObjectMeta = serde_json::from_value(json!({
                "creationTimestamp": "2026-11-21T12:00:00Z",
                "managedFields": [
                    {"manager": manager, "operation": "Update", "time": time, "fieldsV1": {"f:metadata": {
                        "f:labels": labels, "f:annotations": {"f:groundcrew.dev/owner": {}},
                    }}},
                    {"manager": "kubectl-label", "operation": "Update", "time": "2026-11-21T12:00:00Z",
                     "fieldsV1": {"f:metadata": {
                        "f:labels": {"f:groundcrew.dev/claim": {}},
                        "f:annotations": {"f:groundcrew.dev/owner": {}},
                    }}},
                ],
            }))
            .unwrap();
            was_born(&metadata)
        };
        assert!(made("curl", "2026-11-21T12:00:00Z", true));
        assert!(made(meta::FIELD_MANAGER, "2026-11-21T13:00:00Z", true));
        assert!(!made("curl", "2026-11-21T13:00:00Z", true), "written later");
        assert!(
            !made("curl", "2026-11-21T12:00:00Z", false),
            "labelled by another writer"
        );
    }

    #[test]
    fn an_end_in_2099_is_over_at_the_cap() {
        let claim = Claim {
            expires: Expires::At(at("2099-01-01T00:00:00Z")),
            ..claim()
        };
        let life = claim.lifetime(&Settings::default()).unwrap();
        assert_eq!(life.ends, at("2026-11-28T12:00:00Z"));
        assert_eq!(life.ends, life.cap);
    }

    #[test]
    fn a_warning_counts_for_the_end_that_it_was_about() {
        let hour = Duration::from_secs(3600);
        let ends = at("2026-11-21T20:00:00Z");
        let now = at("2026-11-21T19:59:00Z");
        let warned = |text: &str| {
            let claim = Claim {
                warned_at: Some(at(text)),
                ..claim()
            };
            claim.was_warned(ends, hour, now)
        };
        assert!(warned("2026-11-21T19:00:00Z"));
        assert!(!warned("2026-11-21T18:59:59Z"), "of an earlier end");
        assert!(!warned("2026-11-21T20:30:00Z"), "from the future");
        assert!(!claim().was_warned(ends, hour, now));
    }
}
