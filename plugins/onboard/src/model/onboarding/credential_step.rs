//! What happens to the user's credential, and who holds the rights meanwhile.

use std::time::Duration;

use groundcrew::error::{Error, Result};
use jiff::Timestamp;

use crate::model::credential_kind::CredentialKind;
use crate::model::holder::Holder;
use crate::model::kubeconfig::{Existing, Held};
use crate::model::onboarding::options::{Credential, Options, Task};
use crate::model::onboarding::plan::{CredentialStep, Holders};
use crate::model::record::Record;
use crate::model::user::UserName;

/// Decides about the credential.
pub fn credential_step(
    options: &Options,
    file: &Existing,
    record: Option<&Record>,
    now: Timestamp,
) -> Result<CredentialStep> {
    let path = options.out.display();
    let live = record.and_then(|record| record.live(now).next_back());
    if matches!(options.task, Task::Retire)
        && let Some(last) = record.and_then(|record| record.generations.last())
    {
        return Ok(CredentialStep::KeepElsewhere(last.clone()));
    }
    if matches!(options.task, Task::Join(_) | Task::Leave(_)) {
        return live
            .map(|live| CredentialStep::KeepElsewhere(live.clone()))
            .ok_or_else(|| {
                let user = &options.user;
                Error::failed(format!("{user} has no active credential"))
                    .with_hint(format!("kubectl onboard renew {user}"))
            });
    }
    let renew = options.force() || options.renewal().is_some();
    let next = record.map_or(1, Record::next_generation);
    let issue = |at_least: u32, replace_file| CredentialStep::Issue {
        generation: next.max(at_least),
        replace_file,
    };
    match file {
        Existing::Foreign(why) if !options.force() => Err(Error::usage(format!(
            "{path} exists and is not {}'s kubeconfig for this cluster: {why}",
            options.user
        ))
        .with_hint("choose another file with --out, or pass --force to overwrite it")),
        Existing::Foreign(_) => Ok(issue(1, true)),
        Existing::Theirs(held) if renew => Ok(issue(held.generation + 1, true)),
        Existing::Theirs(held) => match dead(held, record, now) {
            None => Ok(CredentialStep::KeepFile(held.clone())),
            Some(why) => Err(Error::usage(format!(
                "{path} holds {}'s {} of generation {}, which {why}",
                options.user,
                held.kind.as_str(),
                held.generation
            ))
            .with_hint("pass --force to replace the file with a new credential")),
        },
        Existing::Login => match live {
            Some(live) if live.kind.is_foreign() && !renew => {
                Ok(CredentialStep::KeepElsewhere(live.clone()))
            }
            _ if renew || record.is_none() => Ok(issue(1, true)),
            _ => Err(
                Error::usage(format!("{path} holds a login and no credential"))
                    .with_hint("choose another file with --out, or pass --force to overwrite it"),
            ),
        },
        Existing::Absent => match live {
            Some(live) if !renew => Ok(CredentialStep::KeepElsewhere(live.clone())),
            _ => Ok(issue(1, false)),
        },
    }
}

/// Returns why a credential in a file is of no use any more.
fn dead(held: &Held, record: Option<&Record>, now: Timestamp) -> Option<String> {
    if held.not_after <= now {
        return Some(format!("expired on {}", held.not_after));
    }
    let mut issues = record?.generations.iter();
    let recorded = issues.rfind(|issue| issue.generation == held.generation)?;
    if let Some(at) = recorded.revoked_at {
        return Some(format!("was revoked on {at}"));
    }
    if recorded.is_due(now) {
        return Some("was replaced".to_owned());
    }
    (recorded.sha256 != held.sha256 || recorded.kind != held.kind)
        .then(|| "is not the one on record".to_owned())
}

/// Returns who holds the rights during the run and after it.
pub fn holders(
    user: &UserName,
    source: &Credential,
    step: &CredentialStep,
    record: Option<&Record>,
    grace: Duration,
    now: Timestamp,
) -> Holders {
    let live = record
        .map(|record| record.holders(user, now))
        .unwrap_or_default();
    let with = |mut holders: Vec<Holder>, one: Holder| {
        if !holders.contains(&one) {
            holders.push(one);
        }
        holders
    };
    let kept = match step {
        CredentialStep::KeepFile(held) => with(live, Holder::of(user, held.generation, held.kind)),
        CredentialStep::KeepElsewhere(_) => live,
        CredentialStep::Issue { generation, .. } => {
            let new = match source {
                Credential::Login(provider) => Holder::Asserted(provider.asserted.clone()),
                Credential::Token => Holder::of(user, *generation, CredentialKind::Token),
                Credential::Auto { .. }
                | Credential::Certificate { .. }
                | Credential::External(_) => {
                    Holder::of(user, *generation, CredentialKind::Certificate)
                }
            };
            let during = with(live, new.clone());
            let after = if grace.is_zero() {
                vec![new]
            } else {
                during.clone()
            };
            return Holders { during, after };
        }
    };
    Holders {
        during: kept.clone(),
        after: kept,
    }
}
