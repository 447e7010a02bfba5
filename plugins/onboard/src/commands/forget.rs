//! `kubectl onboard forget`: removes the record of a user whose access is over for good.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::access;
use groundcrew::client::access::Access;
use groundcrew::client::clock;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Format, OutputArgs, WriteArgs};
use groundcrew::output::{Document, json, yaml};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use groundcrew::write::Writer;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Serialize;

use crate::cluster::{people, records};
use crate::model::change::{self, Change, Line};
use crate::model::kind::Kind;
use crate::model::record::{Record, unknown};
use crate::model::time::until;
use crate::model::user::UserName;
use crate::model::{product, record};

/// Remove the record of a user who was offboarded
///
/// The record says which credentials were issued. It can go once the access was removed and proved,
/// and every credential has expired: without it the next issue for this name would be generation 1
/// again, and a credential of generation 1 that is still valid would get its rights.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ForgetArgs {
    /// User whose record to remove
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard list --former
  kubectl onboard forget alice

Exit codes:
  0 the record is gone   1 failed   2 usage   3 the record has to stay, and until when
  5 someone else changed it";

/// The body of the `OnboardForget` document.
#[derive(Debug, Serialize)]
struct Forgotten<'a> {
    user: &'a str,
    steps: &'a [Line],
}

/// Forgets.
///
/// # Errors
///
/// Why the record stays.
pub async fn run(args: ForgetArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let ForgetArgs { who, write, output } = args;
    let user = UserName::parse(&who)?;
    let session = interrupt.guard(frame.connect()).await?;
    let looking =
        futures::future::try_join(records::record_of(&session, &user), clock::read(&session));
    let (found, clock) = interrupt.guard(looking).await?;
    let found = found.ok_or_else(|| unknown(&user))?;
    let now = clock.now();
    if let Some(obstacle) = obstacle(&found.record, now) {
        let (why, next) = obstacle.explain(&user);
        ui.warning(format_args!("{user} stays on record: {why}"));
        ui.hint(next);
        return Ok(Exit::No);
    }
    let steps = [Line::new(
        format!("configmap/{SYSTEM_NAMESPACE}/{}", record::name(&user)),
        Change::Deleted,
        "",
    )];
    if write.dry_run == DryRun::None && !write.yes {
        let issued = groundcrew::plural::count(found.record.generations.len(), "credential");
        frame.confirm(
            &format!("Remove the record of {user}, with what it knows of {issued}?"),
            false,
        )?;
    }
    if write.dry_run != DryRun::Client {
        let needed = [Access::new("delete", "configmaps").within(SYSTEM_NAMESPACE)];
        let missing = interrupt.guard(access::missing(&session, &needed)).await?;
        interrupt
            .guard(access::refuse(&session, &missing, "groundcrew-offboarder"))
            .await?;
        let writer = Writer {
            field_manager: product::field_manager(write.field_manager.clone()),
            dry_run: write.dry_run == DryRun::Server,
            force_conflicts: write.force_conflicts,
        };
        let maps = session.in_(SYSTEM_NAMESPACE).of::<ConfigMap>();
        let deleted = maps.delete(&writer, &found.metadata).await;
        deleted.map_err(|error| records::raced(error, &user))?;
    }
    let forgotten = Forgotten {
        user: user.as_str(),
        steps: &steps,
    };
    ui.answer(match output.format {
        Format::Json => json(&Document::new(Kind::OnboardForget, forgotten))?,
        Format::Yaml => yaml(&Document::new(Kind::OnboardForget, forgotten))?,
        Format::Name => format!("configmap/{}\n", record::name(&user)),
        Format::Table | Format::Wide => change::text(&steps, write.dry_run.suffix()),
    })?;
    session.finish()?;
    Ok(Exit::Done)
}

/// Why a record has to stay.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    /// The user was not offboarded.
    Active,
    /// The offboarding was not proved.
    Unproved,
    /// A credential is valid until then.
    Valid { generation: u32, until: String },
}

impl Obstacle {
    /// Returns why, and what to do.
    fn explain(&self, user: &UserName) -> (String, String) {
        match self {
            Self::Active => (
                "their access was not removed".to_owned(),
                format!("remove it first:  kubectl onboard offboard {user}"),
            ),
            Self::Unproved => (
                "it was not proved that no access is left".to_owned(),
                format!("run it to its end:  kubectl onboard offboard {user}"),
            ),
            Self::Valid { generation, until } => (
                format!("the credential of generation {generation} is valid until {until}"),
                "it has no rights now, and would get those of the next generation with its number"
                    .to_owned(),
            ),
        }
    }
}

fn obstacle(record: &Record, now: Timestamp) -> Option<Obstacle> {
    let Some(ended) = &record.ended else {
        return Some(Obstacle::Active);
    };
    if ended.proved_at.is_none() {
        return Some(Obstacle::Unproved);
    }
    // Its group or account comes back with the same name; a login is the provider's to end.
    let issued = record
        .generations
        .iter()
        .filter(|one| !one.kind.is_foreign());
    let last = issued.max_by_key(|one| one.not_after)?;
    (last.not_after > now).then(|| Obstacle::Valid {
        generation: last.generation,
        until: until(last.not_after, now),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::credential_kind::CredentialKind;
    use crate::model::generation::Generation;
    use crate::model::record::Ended;
    use crate::model::settings::Settings;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record(not_after: &str) -> Record {
        let user = UserName::parse("alice").unwrap();
        let mut record = Record::new(&user, "alice", Settings::default());
        record.generations.push(Generation {
            generation: 3,
            kind: CredentialKind::Certificate,
            sha256: None,
            groups: Vec::new(),
            asserted: None,
            not_after: at(not_after),
            issued_at: at("2026-11-01T00:00:00Z"),
            issued_by: "carol".to_owned(),
            proved_at: None,
            retire_after: None,
            revoked_at: Some(at("2026-11-02T00:00:00Z")),
        });
        record
    }

    #[test]
    fn a_record_goes_when_nothing_that_was_issued_can_come_back() {
        let now = at("2026-12-01T00:00:00Z");
        let mut over = record("2026-11-30T00:00:00Z");
        assert_eq!(obstacle(&over, now), Some(Obstacle::Active));
        over.ended = Some(Ended {
            at: now,
            by: "carol".to_owned(),
            proved_at: None,
            could_have_left: Vec::new(),
            highest_generation: None,
        });
        assert_eq!(obstacle(&over, now), Some(Obstacle::Unproved));
        over.ended.as_mut().unwrap().proved_at = Some(now);
        assert_eq!(obstacle(&over, now), None);
        over.generations[0].not_after = at("2026-12-01T00:00:01Z");
        assert!(matches!(
            obstacle(&over, now),
            Some(Obstacle::Valid { generation: 3, .. })
        ));
        over.generations[0].kind = CredentialKind::Oidc;
        assert_eq!(obstacle(&over, now), None);
    }
}
