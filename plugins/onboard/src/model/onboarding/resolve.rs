//! What was asked for, by this run and by earlier ones, and where that gives the user a role.

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::Profile;

use crate::model::found::FoundNamespace;
use crate::model::onboarding::options::{Home, Options};
use crate::model::onboarding::plan::Place;
use crate::model::record::Record;
use crate::model::settings::{Extra, Membership, ProfileName, Settings};

/// Takes over from the record what this run does not give.
pub fn settings(options: &Options, record: Option<&Record>) -> Settings {
    // Who comes back starts again: an old role is not given again unasked.
    let before = record
        .filter(|record| record.ended.is_none())
        .map(|record| record.settings.clone())
        .unwrap_or_default();
    let about = options.wish().map(|wish| &wish.about);
    let own = options.own();
    let or = |given: Option<&String>, before: Option<String>| given.cloned().or(before);
    let home = options.wish().map(|wish| &wish.home);
    Settings {
        team: or(about.and_then(|about| about.team.as_ref()), before.team),
        contact: or(
            about.and_then(|about| about.contact.as_ref()),
            before.contact,
        ),
        purpose: or(
            about.and_then(|about| about.purpose.as_ref()),
            before.purpose,
        ),
        role: own.and_then(|own| own.role.clone()).unwrap_or(before.role),
        profile: own
            .and_then(|own| own.profile.as_ref())
            .map_or(before.profile, ProfileName::of),
        network: own.and_then(|own| own.network).unwrap_or(before.network),
        no_namespace: matches!(home, Some(Home::None)) || before.no_namespace,
        memberships: memberships(options, before.memberships),
        extras: extras(options, before.extras),
        declared_by: or(
            about.and_then(|about| about.declared_by.as_ref()),
            before.declared_by,
        ),
    }
}

fn extras(options: &Options, mut all: Vec<Extra>) -> Vec<Extra> {
    for extra in options.wide() {
        if !all.contains(extra) {
            all.push(*extra);
        }
    }
    all
}

/// Adds those that the user joins to those that the user has; one role in each namespace.
fn memberships(options: &Options, before: Vec<Membership>) -> Vec<Membership> {
    let stays = |one: &Membership| {
        let mut joins = options.joins().iter();
        let again = joins.any(|join| join.namespace == one.namespace);
        !again && !options.leaves(&one.namespace)
    };
    let kept = before.into_iter().filter(stays);
    kept.chain(options.joins().iter().cloned()).collect()
}

/// Returns the profile to apply; `None` leaves in place what the file of an earlier run said.
#[must_use]
pub fn profile(options: &Options, settings: &Settings) -> Option<Profile> {
    let given = options.own().and_then(|own| own.profile.clone());
    given.or_else(|| settings.profile.built_in())
}

/// Returns where the user has a role: their own namespace, then those that the user joins.
///
/// # Errors
///
/// Conflict, when the user has another namespace already; usage, when the user would have a role
/// nowhere, or two roles in one namespace.
pub fn places(options: &Options, record: Option<&Record>) -> Result<Vec<Place>> {
    let user = &options.user;
    let settings = settings(options, record);
    let joined = settings.memberships.iter().map(|membership| Place {
        namespace: membership.namespace.clone(),
        role: membership.role.clone(),
        own: false,
    });
    if settings.no_namespace {
        let places: Vec<Place> = joined.collect();
        return if places.is_empty() {
            Err(
                Error::usage(format!("{user} would end up with no role in any namespace"))
                    .with_hint("add --join NAMESPACE[:ROLE], or omit --no-namespace")
                    .with_hint(format!(
                        "to remove all access:  kubectl onboard offboard {user}"
                    )),
            )
        } else {
            Ok(places)
        };
    }
    let own = Place {
        namespace: namespace_of(options, record)?,
        role: settings.role.clone(),
        own: true,
    };
    if settings
        .memberships
        .iter()
        .any(|one| one.namespace == own.namespace)
    {
        return Err(
            Error::usage(format!("namespace {:?} is {user}'s own", own.namespace))
                .with_hint("the role there is set with --role"),
        );
    }
    Ok(std::iter::once(own).chain(joined).collect())
}

/// Returns the namespaces where the user is to lose their role.
#[must_use]
pub fn left(options: &Options, record: &Record) -> Vec<String> {
    let all = record.settings.memberships.iter();
    all.map(|membership| membership.namespace.clone())
        .filter(|namespace| options.leaves(namespace))
        .collect()
}

/// Checks that a namespace can be joined.
///
/// # Errors
///
/// Usage, when it does not exist; conflict, when it is being deleted.
pub fn check_joined(name: &str, found: Option<&FoundNamespace>) -> Result<()> {
    match found {
        None => Err(
            Error::usage(format!("there is no namespace {name:?} to join"))
                .with_hint("kubectl get namespaces"),
        ),
        Some(found) if found.terminating => Err(Error::conflict(format!(
            "namespace {name:?} is being deleted"
        ))),
        Some(_) => Ok(()),
    }
}

/// Returns the user's own namespace: as given, as recorded, or named after them.
fn namespace_of(options: &Options, record: Option<&Record>) -> Result<String> {
    let recorded = record.filter(|record| !record.settings.no_namespace);
    match (
        options.own().and_then(|own| own.namespace.as_ref()),
        recorded,
    ) {
        (Some(stated), Some(record)) if *stated != record.namespace && record.ended.is_none() => {
            Err(Error::conflict(format!(
                "{} is onboarded in namespace {:?}, not in {stated:?}",
                options.user, record.namespace
            ))
            .with_hint(format!("omit -n, or use -n {}", record.namespace)))
        }
        (Some(stated), _) => Ok(stated.clone()),
        (None, Some(record)) => Ok(record.namespace.clone()),
        (None, None) => Ok(options.user.slug()),
    }
}
