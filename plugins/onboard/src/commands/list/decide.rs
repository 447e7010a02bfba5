//! Which rows there are, in which order.

use std::time::Duration;

use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;

use crate::cluster::people::People;
use crate::model::credential_kind::CredentialKind;
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
}

/// One user.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// User name.
    pub user: String,
    /// Name of the record.
    #[serde(skip)]
    pub record: String,
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
pub fn list(people: &People, expiring: Option<Duration>, now: Timestamp) -> List {
    let limit = expiring.and_then(|within| now.checked_add(within).ok());
    let mut rows: Vec<Row> = people
        .known
        .iter()
        .map(|(record, metadata)| row(record, metadata, now))
        .collect();
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
        let list = list(&people(), None, now());
        assert_eq!(users(&list), ["soon", "late", "ended", "gone"]);
        assert_eq!(list.exit(false), Exit::Done);
    }

    #[test]
    fn users_whose_access_expires_soon_have_an_exit_code_of_their_own() {
        let day = Duration::from_secs(86_400);
        let some = list(&people(), Some(day), now());
        assert_eq!((users(&some), some.exit(true)), (vec!["soon"], Exit::No));
        let none = list(&people(), Some(Duration::from_secs(60)), now());
        assert_eq!((none.rows.len(), none.exit(true)), (0, Exit::Done));
    }

    #[test]
    fn a_record_that_cannot_be_read_leaves_the_answer_open() {
        let people = People {
            unreadable: vec!["broken".to_owned()],
            ..people()
        };
        assert_eq!(list(&people, None, now()).exit(false), Exit::Incomplete);
    }
}
