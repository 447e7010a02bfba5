//! A claim as people and programs read it.

use std::time::Duration;

use groundcrew::flags::duration::Span;
use jiff::Timestamp;
use serde::Serialize;

use crate::model::claim::{Claim, Expires, State};
use crate::model::settings::Settings;

/// A claim at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Name of the namespace.
    pub name: String,
    /// Owner's user name.
    pub owner: Option<String>,
    /// Team, as given.
    pub team: Option<String>,
    /// Purpose, as given.
    pub purpose: Option<String>,
    /// Address or channel for questions about it, as given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// How it stands.
    pub state: State,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// The expiry as written in the annotation, readable or not.
    pub expires_at: Option<String>,
    /// The effective end; none when the annotation cannot be read.
    pub ends_at: Option<Timestamp>,
    /// The end that no extension goes beyond.
    pub can_reach: Option<Timestamp>,
    /// When the owner was warned.
    pub warned_at: Option<Timestamp>,
    /// Who protected it from expiry.
    pub protected_by: Option<String>,
    /// What keeps it from going.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<String>,
}

impl View {
    /// Describes a claim.
    #[must_use]
    pub fn of(claim: &Claim, settings: &Settings, now: Timestamp) -> Self {
        let life = claim.lifetime(settings);
        Self {
            name: claim.name.clone(),
            owner: claim.owner.clone(),
            team: claim.team.clone(),
            purpose: claim.purpose.clone(),
            contact: claim.contact.clone(),
            state: claim.state(settings, now),
            created_at: claim.created,
            expires_at: match &claim.expires {
                Expires::At(moment) => Some(moment.to_string()),
                Expires::Missing => None,
                Expires::Garbled(text) => Some(text.clone()),
            },
            ends_at: life
                .filter(|_| claim.protected_by.is_none())
                .map(|life| life.ends),
            can_reach: life.map(|life| life.cap),
            warned_at: claim.warned_at,
            protected_by: claim.protected_by.clone(),
            blockers: claim.terminating.clone().unwrap_or_default(),
        }
    }

    /// Returns the cell of the table that says how it stands.
    #[must_use]
    pub fn state_cell(&self, now: Timestamp) -> String {
        match (self.warned_at, self.ends_at) {
            (Some(at), _) if self.state == State::Warned => {
                format!("warned {} ago", Span(between(at, now)))
            }
            (_, Some(ends)) if self.state == State::Expired => {
                format!("expired {} ago", Span(between(ends, now)))
            }
            _ => self.state.to_string(),
        }
    }

    /// Returns how long until a moment, for a table; `0s` when it is over.
    #[must_use]
    pub fn until(moment: Option<Timestamp>, now: Timestamp) -> String {
        moment
            .map(|moment| Span(between(now, moment)).to_string())
            .unwrap_or_default()
    }

    /// Returns one line that says whose it is: `bo (qa, "soak") for another 12m`.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> String {
        let owner = self.owner.as_deref().unwrap_or("nobody");
        let purpose = self.purpose.as_ref().map(|text| format!("{text:?}"));
        let words: Vec<&str> = [self.team.as_deref(), purpose.as_deref()]
            .into_iter()
            .flatten()
            .collect();
        let about = if words.is_empty() {
            String::new()
        } else {
            format!(" ({})", words.join(", "))
        };
        let left = match self.ends_at {
            _ if self.state == State::Terminating => ", and is being deleted".to_owned(),
            _ if self.protected_by.is_some() => " permanently".to_owned(),
            Some(ends) if ends > now => format!(" for another {}", Span(between(now, ends))),
            Some(_) => ", but it has expired".to_owned(),
            None => ", with an unreadable expiry".to_owned(),
        };
        format!("{owner}{about}{left}")
    }
}

/// Returns the time from one moment to a later one; zero when it is not later.
#[must_use]
pub fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::tests::{at, claim};

    #[test]
    fn who_holds_it_is_said_in_one_line() {
        let settings = Settings::default();
        let now = at("2026-11-21T19:48:00Z");
        let held = |claim: &Claim| View::of(claim, &settings, now).held(now);
        assert_eq!(held(&claim()), "ana (\"repro\") for another 12m");
        let other = Claim {
            team: Some("qa".to_owned()),
            expires: Expires::Garbled("soon".to_owned()),
            ..claim()
        };
        assert_eq!(
            held(&other),
            "ana (qa, \"repro\"), with an unreadable expiry"
        );
    }
}
