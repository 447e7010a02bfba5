//! Which rows there are, in which order.

use std::time::Duration;

use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::cluster::people::People;
use crate::model::credential_kind::CredentialKind;
use crate::model::generation::NEVER;
use crate::model::record::Record;

/// All users on record, or those whose access expires soon.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct List {
    /// Every record could be read.
    pub complete: bool,
    /// Soonest to expire first; users without access last.
    #[serde(rename = "people")]
    pub rows: Vec<Row>,
    /// Records that could not be read.
    pub unseen: Vec<Unseen>,
    /// How many former users are not among the rows.
    #[serde(skip)]
    pub hidden: usize,
}

/// Where a user's access stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// There is a credential that works.
    Active,
    /// The same, in the last fifth of its lifetime and for at most 7 days.
    Expiring,
    /// A new credential is being issued, or the old one still works for a grace period.
    Renewing,
    /// The last credential has expired; the rights that it had are still there.
    Expired,
    /// The user was offboarded.
    Former,
    /// Neither: a run died, or an offboarding has not reached its end.
    Broken,
}

impl State {
    /// Returns the word that tables and documents use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::Renewing => "renewing",
            Self::Expired => "expired",
            Self::Former => "former",
            Self::Broken => "broken",
        }
    }

    /// Judges a record at `now`.
    #[must_use]
    pub fn of(record: &Record, now: Timestamp) -> Self {
        if record.ended.is_some() {
            return if record.is_half_ended() {
                Self::Broken
            } else {
                Self::Former
            };
        }
        let begun = record.begun.as_ref();
        let running = begun.is_some_and(|begun| now.duration_since(begun.since) < RUN);
        let mut live = record.live(now);
        let Some(latest) = live.next_back() else {
            let expired = record.generations.last();
            return match expired.filter(|last| last.revoked_at.is_none()) {
                _ if running => Self::Renewing,
                Some(_) => Self::Expired,
                None => Self::Broken,
            };
        };
        let lifetime = latest.not_after.duration_since(latest.issued_at);
        let left = latest.not_after.duration_since(now);
        if running || live.next_back().is_some() {
            Self::Renewing
        } else if latest.not_after < NEVER && left < WEEK && left * 5 < lifetime {
            Self::Expiring
        } else {
            Self::Active
        }
    }
}

/// How long before its end a credential counts as expiring at most.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long a run may take; one that began earlier and has not ended is dead.
const RUN: SignedDuration = SignedDuration::from_mins(10);

/// One user.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// User name.
    pub user: String,
    /// Name of the record.
    #[serde(skip)]
    pub record: String,
    /// Where their access stands.
    pub state: State,
    /// Team, as given.
    pub team: Option<String>,
    /// The user's namespace.
    pub namespace: String,
    /// Kind of the latest credential; none without access.
    pub credential: Option<CredentialKind>,
    /// Its generation.
    pub generation: Option<u32>,
    /// When it expires.
    pub not_after: Option<Timestamp>,
    /// When it was last verified that it works and reaches no further.
    pub proved_at: Option<Timestamp>,
}

/// Makes the rows.
#[must_use]
pub fn list(people: &People, expiring: Option<Duration>, former: bool, now: Timestamp) -> List {
    let limit = expiring.and_then(|within| now.checked_add(within).ok());
    let mut rows: Vec<Row> = people
        .known
        .iter()
        .map(|(record, metadata)| row(record, metadata, now))
        .collect();
    let all = rows.len();
    rows.retain(|row| former || row.state != State::Former);
    let hidden = all - rows.len();
    if let Some(limit) = limit {
        rows.retain(|row| row.not_after.is_some_and(|end| end <= limit));
    }
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.not_after.is_none(), row.not_after);
        key(one)
            .cmp(&key(other))
            .then_with(|| one.user.cmp(&other.user))
    });
    List {
        complete: people.unreadable.is_empty(),
        rows,
        hidden,
        unseen: people
            .unreadable
            .iter()
            .map(|why| Unseen::new("record", why))
            .collect(),
    }
}

impl List {
    /// Returns how the run ends: what could not be read leaves the answer open.
    #[must_use]
    pub fn exit(&self, expiring: bool) -> Exit {
        if !self.complete {
            Exit::Incomplete
        } else if expiring && !self.rows.is_empty() {
            Exit::No
        } else {
            Exit::Done
        }
    }
}

fn row(record: &Record, metadata: &ObjectMeta, now: Timestamp) -> Row {
    let live = record.live(now).next_back();
    Row {
        user: record.user.clone(),
        state: State::of(record, now),
        record: metadata.name.clone().unwrap_or_default(),
        team: record.settings.team.clone(),
        namespace: record.namespace.clone(),
        credential: live.map(|issue| issue.kind),
        generation: live.map(|issue| issue.generation),
        not_after: live.map(|issue| issue.not_after),
        proved_at: live.and_then(|issue| issue.proved_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::generation::Generation;
    use crate::model::record::Ended;
    use crate::model::settings::Settings;
    use crate::model::user::UserName;

    fn now() -> Timestamp {
        "2026-11-21T09:00:00Z".parse().unwrap()
    }

    fn person(name: &str, hours: Option<i64>) -> (Record, ObjectMeta) {
        let user = UserName::parse(name).unwrap();
        let mut record = Record::new(&user, name, Settings::default());
        record.generations.extend(hours.map(|hours| Generation {
            generation: 1,
            kind: CredentialKind::Certificate,
            sha256: None,
            groups: Vec::new(),
            asserted: None,
            not_after: Timestamp::from_second(now().as_second() + hours * 3600).unwrap(),
            issued_at: now(),
            issued_by: "carol".to_owned(),
            proved_at: None,
            retire_after: None,
            revoked_at: None,
        }));
        (record, ObjectMeta::default())
    }

    fn users(list: &List) -> Vec<&str> {
        list.rows.iter().map(|row| row.user.as_str()).collect()
    }

    fn people() -> People {
        let known = vec![
            person("gone", None),
            person("late", Some(500)),
            person("soon", Some(2)),
            person("ended", Some(-1)),
        ];
        People {
            known,
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn the_soonest_to_expire_is_on_top_and_users_without_access_are_last() {
        let list = list(&people(), None, false, now());
        assert_eq!(users(&list), ["soon", "late", "ended", "gone"]);
        assert_eq!(list.exit(false), Exit::Done);
    }

    #[test]
    fn users_whose_access_expires_soon_have_an_exit_code_of_their_own() {
        let day = Duration::from_secs(86_400);
        let some = list(&people(), Some(day), false, now());
        assert_eq!((users(&some), some.exit(true)), (vec!["soon"], Exit::No));
        let none = list(&people(), Some(Duration::from_secs(60)), false, now());
        assert_eq!((none.rows.len(), none.exit(true)), (0, Exit::Done));
    }

    #[test]
    fn a_record_that_cannot_be_read_leaves_the_answer_open() {
        let people = People {
            unreadable: vec!["broken".to_owned()],
            ..people()
        };
        assert_eq!(
            list(&people, None, false, now()).exit(false),
            Exit::Incomplete
        );
    }

    #[test]
    fn a_state_is_what_the_record_says() {
        let ended = |half: bool| {
            let (mut record, metadata) = person("over", Some(500));
            record.generations[0].revoked_at = (!half).then(now);
            record.ended = Some(Ended {
                at: now(),
                by: "carol".to_owned(),
                proved_at: None,
                could_have_left: Vec::new(),
                highest_generation: None,
            });
            (record, metadata)
        };
        let (mut renewed, metadata) = person("renewed", Some(20));
        let mut next = renewed.generations[0].clone();
        renewed.generations[0].retire_after = Timestamp::from_second(now().as_second() + 60).ok();
        next.generation = 2;
        renewed.generations.push(next);
        let (mut short, of_short) = person("short", Some(10));
        short.generations[0].issued_at =
            Timestamp::from_second(now().as_second() - 30 * 3600).unwrap();
        let (mut late, of_late) = person("late", Some(10));
        late.generations[0].issued_at =
            Timestamp::from_second(now().as_second() - 300 * 3600).unwrap();
        for ((record, _), state) in [
            (person("active", Some(500)), State::Active),
            ((late, of_late), State::Expiring),
            // Of 40 hours 10 are left: more than a fifth.
            ((short, of_short), State::Active),
            ((renewed, metadata), State::Renewing),
            (person("expired", Some(-1)), State::Expired),
            (person("broken", None), State::Broken),
            (ended(true), State::Broken),
            (ended(false), State::Former),
        ] {
            assert_eq!(State::of(&record, now()), state, "{}", record.user);
        }
    }

    #[test]
    fn former_users_are_counted_and_shown_when_asked_for() {
        let mut people = people();
        people.known[0].0.ended = Some(Ended {
            at: now(),
            by: "carol".to_owned(),
            proved_at: None,
            could_have_left: Vec::new(),
            highest_generation: None,
        });
        let some = list(&people, None, false, now());
        assert_eq!(
            (users(&some), some.hidden),
            (vec!["soon", "late", "ended"], 1)
        );
        let all = list(&people, None, true, now());
        assert_eq!((all.rows.len(), all.hidden), (4, 0));
    }
}
