//! What was asked for, by this run and by earlier ones, and where that gives her a role.

use groundcrew::error::{Error, Result};
use groundcrew::tenancy::{Network, Profile, Size};

use crate::model::found::FoundNamespace;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::plan::Place;
use crate::model::record::Record;
use crate::model::settings::{DEFAULT_ROLE, Extra, Membership, Settings};

/// Takes over from the record what this run does not state.
pub fn settings(options: &Options, record: Option<&Record>) -> Settings {
    // Who comes back starts anew: an old role is not given again unasked.
    let before = record
        .filter(|record| record.ended.is_none())
        .map(|record| record.settings.clone())
        .unwrap_or_default();
    let or = |stated: &Option<String>, before: Option<String>| stated.clone().or(before);
    let word = |stated: Option<&str>, before: String, default: &str| match stated {
        Some(stated) => stated.to_owned(),
        None if before.is_empty() => default.to_owned(),
        None => before,
    };
    Settings {
        team: or(&options.team, before.team),
        contact: or(&options.contact, before.contact),
        purpose: or(&options.purpose, before.purpose),
        role: word(options.role.as_deref(), before.role, DEFAULT_ROLE),
        profile: word(
            options.profile.as_ref().map(Profile::name),
            before.profile,
            "small",
        ),
        network: word(
            options.network.map(groundcrew::tenancy::Network::name),
            before.network,
            "isolated",
        ),
        no_namespace: options.no_namespace || before.no_namespace,
        memberships: memberships(options, before.memberships),
        extras: extras(options, before.extras),
        declared_by: or(&options.declared_by, before.declared_by),
    }
}

fn extras(options: &Options, mut all: Vec<Extra>) -> Vec<Extra> {
    for extra in &options.extras {
        if !all.contains(extra) {
            all.push(*extra);
        }
    }
    all
}

/// Adds those that she joins to those that she has; one role in each namespace.
fn memberships(options: &Options, before: Vec<Membership>) -> Vec<Membership> {
    let stays = |one: &Membership| {
        let again = options
            .joins
            .iter()
            .any(|join| join.namespace == one.namespace);
        !again && !options.leaves.contains(&one.namespace)
    };
    let kept = before.into_iter().filter(stays);
    kept.chain(options.joins.iter().cloned()).collect()
}

/// Returns the profile to apply.
pub fn profile(options: &Options, settings: &Settings) -> Result<Option<Profile>> {
    if let Some(profile) = &options.profile {
        return Ok(Some(profile.clone()));
    }
    match settings.profile.as_str() {
        // Its content was stated by an earlier run and stands in the cluster.
        "file" => Ok(None),
        "small" => Ok(Some(Profile::Size(Size::Small))),
        "medium" => Ok(Some(Profile::Size(Size::Medium))),
        "large" => Ok(Some(Profile::Size(Size::Large))),
        "none" => Ok(Some(Profile::None)),
        other => Err(unknown_word("profile", other)),
    }
}

/// Returns the network policy to apply.
pub fn network(settings: &Settings) -> Result<Network> {
    [
        groundcrew::tenancy::Network::Isolated,
        groundcrew::tenancy::Network::Open,
        groundcrew::tenancy::Network::None,
    ]
    .into_iter()
    .find(|network| network.name() == settings.network)
    .ok_or_else(|| unknown_word("network", &settings.network))
}

fn unknown_word(what: &str, word: &str) -> Error {
    Error::conflict(format!(
        "the record names {what} {word:?}, which this version does not know"
    ))
    .with_hint(format!("state it: --{what}"))
}

/// Returns where she has a role: her own namespace, then those that she joins.
///
/// # Errors
///
/// Conflict, when she has another namespace already; usage, when she would have a role nowhere,
/// or two roles in one namespace.
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
                Error::usage(format!("{user} would have a role in no namespace"))
                    .with_hint("name one with --join NAMESPACE[:ROLE], or leave --no-namespace out")
                    .with_hint(format!("to end it all:  kubectl onboard offboard {user}")),
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
                .with_hint("her role there is --role"),
        );
    }
    Ok(std::iter::once(own).chain(joined).collect())
}

/// Returns the namespaces where she is to lose her role.
#[must_use]
pub fn left(options: &Options, record: &Record) -> Vec<String> {
    let all = record.settings.memberships.iter();
    all.map(|membership| membership.namespace.clone())
        .filter(|namespace| options.leaves.contains(namespace))
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

/// Returns her own namespace: as stated, as recorded, or named after her.
fn namespace_of(options: &Options, record: Option<&Record>) -> Result<String> {
    let recorded = record.filter(|record| !record.settings.no_namespace);
    match (&options.namespace, recorded) {
        (Some(stated), Some(record)) if *stated != record.namespace && record.ended.is_none() => {
            Err(Error::conflict(format!(
                "{} is onboarded in namespace {:?}, not in {stated:?}",
                options.user, record.namespace
            ))
            .with_hint(format!("leave -n out, or use -n {}", record.namespace)))
        }
        (Some(stated), _) => Ok(stated.clone()),
        (None, Some(record)) => Ok(record.namespace.clone()),
        (None, None) => Ok(options.user.slug()),
    }
}
