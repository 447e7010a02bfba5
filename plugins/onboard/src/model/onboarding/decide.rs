//! Decides what a run does. Pure: what it needs to know comes in, no clock, no environment.

use std::fmt;
use std::time::Duration;

use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::{SignedDuration, Timestamp};

use crate::model::credential::Issued;
use crate::model::credential_kind::CredentialKind;
use crate::model::found::FoundNamespace;
use crate::model::generation::Generation;
use crate::model::labels;
use crate::model::login::Asserted;
use crate::model::objects::{binding, compare, namespace};
use crate::model::onboarding::credential_step::{credential_step, holders};
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::{Credential, Options, Task};
use crate::model::onboarding::own_request;
use crate::model::onboarding::plan::{NamespaceStep, Plan};
use crate::model::onboarding::resolve::{left, places, profile, settings};
use crate::model::record::Record;
use crate::model::settings::{Extra, Settings};
use crate::model::time::until;
use crate::model::user::{UserName, parse_group};

/// Decides.
///
/// # Errors
///
/// Conflict, when a namespace or record is somebody else's; usage, when the output file is
/// something that must not be overwritten.
pub fn plan(options: &Options, observed: &Observed, now: Timestamp) -> Result<Plan> {
    let user = &options.user;
    let record = observed.record.as_ref().map(|found| &found.record);
    check_record(options, record, now)?;
    let settings = settings(options, record);
    let places = places(options, record)?;
    let namespace = places
        .first()
        .map(|place| place.namespace.clone())
        .unwrap_or_default();
    let namespace_step = if settings.no_namespace {
        NamespaceStep::None
    } else {
        namespace_step(&namespace, user, &settings, observed.namespace.as_ref())?
    };
    let asserted = asserted(options, record);
    for found in &observed.bindings {
        binding::check_subjects(found, user, &asserted, options.force_conflicts)?;
    }
    let source = source(options, record)?;
    let renewal = options.renewal();
    let grace = renewal.map_or(Duration::ZERO, |renewal| renewal.grace);
    let credential = credential_step(options, &observed.file, record, now)?;
    let credential = own_request::settle(options, credential, record)?;
    let replaced = places.iter().filter(|place| {
        let mut bindings = observed.bindings.iter();
        bindings.any(|binding| {
            binding.metadata.namespace.as_ref() == Some(&place.namespace)
                && binding.role_ref.name != place.role
        })
    });
    Ok(Plan {
        namespace_step,
        profile: profile(options, &settings),
        network: settings.network,
        replaced: replaced.map(|place| place.namespace.clone()).collect(),
        left: record
            .map(|record| left(options, record))
            .unwrap_or_default(),
        holders: holders(user, &source, &credential, record, grace, now),
        retire_at: now.saturating_add(grace).unwrap_or(now),
        places,
        source,
        namespace,
        settings,
        credential,
    })
}

/// Returns who logins make the user: the one that was asked for, and those on record.
#[must_use]
pub fn asserted(options: &Options, record: Option<&Record>) -> Vec<Asserted> {
    let asked = options
        .provider()
        .into_iter()
        .map(|provider| &provider.asserted);
    let issues = record.into_iter().flat_map(|record| &record.generations);
    asked
        .chain(issues.filter_map(|issue| issue.asserted.as_ref()))
        .cloned()
        .collect()
}

/// Returns what the user may do in the cluster as well, as asked now or before.
#[must_use]
pub fn extras(options: &Options, record: Option<&Record>) -> Vec<Extra> {
    settings(options, record).extras
}

/// Returns which credential is issued, where one is: as asked for, or of the kind that is renewed.
fn source(options: &Options, record: Option<&Record>) -> Result<Credential> {
    let last = record.and_then(|record| record.generations.last());
    let groups = match last {
        Some(last) if options.renewal().is_some() => shared_groups(&options.user, last)?,
        _ => Vec::new(),
    };
    Ok(match &options.task {
        Task::Issue(wish) => wish.credential.clone(),
        Task::Approve(approval) => Credential::External(approval.request.clone()),
        Task::Renew(_) if last.is_some_and(|last| last.kind == CredentialKind::Token) => {
            Credential::Token
        }
        Task::Renew(_) | Task::Join(_) | Task::Leave(_) | Task::Retire => {
            Credential::Auto { groups }
        }
    })
}

/// Returns the groups that the user shares with others and keeps. A record can be written by more
/// people than may choose groups, so it is believed no more than a command line is.
fn shared_groups(user: &UserName, issue: &Generation) -> Result<Vec<String>> {
    let shared = |group: &&String| user.generation_of(group).is_none();
    let checked = |group: &String| {
        parse_group(group).map_err(|error| {
            let why = format!("{user}'s record contains a group that this tool never writes: {error}");
            Error::conflict(why).with_hint(format!(
                "see who wrote it:  kubectl get configmap onboard-{} -n {SYSTEM_NAMESPACE} -o yaml --show-managed-fields",
                user.slug()
            ))
        })
    };
    issue.groups.iter().filter(shared).map(checked).collect()
}

/// Checks that the record lets this run begin.
fn check_record(options: &Options, record: Option<&Record>, now: Timestamp) -> Result<()> {
    let user = &options.user;
    if record.is_some_and(Record::is_half_ended) {
        return Err(Error::conflict(format!(
            "offboarding of {user} did not finish; some bindings may still grant rights to an old \
             certificate"
        ))
        .with_hint(format!("finish it first:  kubectl onboard offboard {user}")));
    }
    if let Some(begun) = record.and_then(|record| record.begun.as_ref())
        && begun.is_in_the_way(now)
    {
        return Err(Error::conflict(format!(
            "another run (by {}) failed and is rolling back its changes for {user}",
            begun.by
        ))
        .with_hint("run this again in a minute"));
    }
    let onboarded =
        record.is_some_and(|record| record.ended.is_none() && !record.generations.is_empty());
    let last = record.and_then(|record| record.generations.last());
    if let Some(last) = last.filter(|last| last.kind.is_foreign())
        && options.renewal().is_some()
    {
        let kind = last.kind.as_str();
        return Err(Error::usage(format!(
            "{user} logs in with {kind}; the issuer of that credential renews it"
        ))
        .with_hint(format!(
            "to issue another credential:  kubectl onboard {user} --force"
        )));
    }
    if options.wish().is_none() && !onboarded {
        return Err(Error::failed(format!("{user} is not onboarded"))
            .with_hint(format!("kubectl onboard {user}"))
            .with_hint("onboarded users:  kubectl onboard list"));
    }
    Ok(())
}

/// Says whether what the signer returned is what was asked for.
///
/// # Errors
///
/// A failure that names the difference; such a certificate is never handed out.
pub fn check_issued(
    issued: &Issued,
    user: &UserName,
    groups: &[String],
    key_fingerprint: &str,
) -> Result<()> {
    let mut asked: Vec<&String> = groups.iter().collect();
    let mut got: Vec<&String> = issued.groups.iter().collect();
    asked.sort();
    got.sort();
    let difference = if issued.key_fingerprint != key_fingerprint {
        "is for another key"
    } else if issued.user != user.as_str() {
        "names another user"
    } else if asked != got {
        "carries other groups"
    } else {
        return Ok(());
    };
    Err(Error::failed(format!(
        "the signer returned a certificate that {difference}"
    )))
}

/// How much longer than asked a certificate may last: signers backdate and round.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(30);

/// Returns when a credential was asked to end, if the signer lets it last longer.
#[must_use]
pub fn asked_end(not_after: Timestamp, now: Timestamp, asked: Duration) -> Option<Timestamp> {
    let end = now.checked_add(asked).ok()?;
    (not_after.duration_since(end) > TOLERANCE).then_some(end)
}

/// Checks a credential against the longest lifetime that is taken.
///
/// # Errors
///
/// Failed, when it lasts longer, beyond the rounding of signers.
pub fn check_lifetime(not_after: Timestamp, now: Timestamp, max: Duration) -> Result<()> {
    match asked_end(not_after, now, max) {
        None => Ok(()),
        Some(_) => Err(Error::failed(format!(
            "the signer issued a credential that lasts until {}; --max-expires allows {}",
            until(not_after, now),
            Span(max)
        ))
        .with_hint(
            "nobody has this credential; the signer of this cluster chooses lifetimes itself",
        )),
    }
}

/// A namespace that was asked for as the user's own is somebody else's.
#[derive(Debug)]
struct NotTheirs {
    namespace: String,
    owner: Option<String>,
}

impl fmt::Display for NotTheirs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => write!(f, "it belongs to {owner}"),
            None => f.write_str("it exists and is not marked as owned by the user"),
        }
    }
}

impl std::error::Error for NotTheirs {}

fn not_theirs(name: &str, user: &UserName, settings: &Settings, owner: Option<&str>) -> Error {
    let error = Error::conflict(format!("namespace {name:?} is not {user}'s own"))
        .with_source(NotTheirs {
            namespace: name.to_owned(),
            owner: owner.map(str::to_owned),
        })
        .with_hint(format!(
            "to give a role in it:  kubectl onboard {user} --no-namespace --join {name}:{}",
            settings.role
        ))
        .with_hint("for another namespace of their own, choose its name with -n");
    match owner {
        Some(_) => error,
        None => error.with_hint(format!(
            "if it is theirs:  kubectl annotate namespace {name} {}={user}",
            labels::OWNER
        )),
    }
}

/// Returns the namespace that an error is about, when it was asked for as the user's own and is
/// somebody else's.
#[must_use]
pub fn not_their_own(error: &Error) -> Option<&str> {
    let source = std::error::Error::source(error)?;
    let found = source.downcast_ref::<NotTheirs>()?;
    Some(&found.namespace)
}

fn namespace_step(
    name: &str,
    user: &UserName,
    settings: &Settings,
    found: Option<&FoundNamespace>,
) -> Result<NamespaceStep> {
    let Some(found) = found else {
        return Ok(NamespaceStep::Create);
    };
    if found.terminating {
        return Err(
            Error::conflict(format!("namespace {name:?} is being deleted")).with_hint(format!(
                "wait for it:  kubectl wait --for=delete namespace/{name}"
            )),
        );
    }
    match found.annotations.get(labels::OWNER) {
        Some(owner) if owner == user.as_str() => {}
        owner => return Err(not_theirs(name, user, settings, owner.map(String::as_str))),
    }
    let wanted = namespace::namespace(name, user, settings).metadata;
    let differs = compare::lacks(wanted.labels.as_ref(), Some(&found.labels))
        || compare::lacks(wanted.annotations.as_ref(), Some(&found.annotations));
    Ok(if differs {
        NamespaceStep::Update
    } else {
        NamespaceStep::Keep
    })
}

#[cfg(test)]
pub mod tests;
