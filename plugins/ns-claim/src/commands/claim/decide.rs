//! What a claim says, decided before anything is written. Pure.

use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use groundcrew::flags::moment::{Moment, shown};
use groundcrew::flags::{DryRun, OutputArgs};
use groundcrew::tenancy::{Network, Profile};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::cluster::records::records;
use crate::model::index::Index;
use crate::model::meta;
use crate::model::objects::{self, Holder, Terms, record};
use crate::model::settings::Settings;
use crate::model::steps::Outcome;
use crate::model::view::between;

/// When it ends, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// After so long.
    In(Span),
    /// At a moment.
    At(Moment),
    /// As the installation says.
    Default,
}

/// Everything that was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name, if given.
    pub name: Option<String>,
    /// When it ends.
    pub end: End,
    /// What it is for.
    pub purpose: Option<String>,
    /// The owner's team.
    pub team: Option<String>,
    /// Address or channel for questions about it.
    pub contact: Option<String>,
    /// Limits and quota.
    pub profile: Profile,
    /// Others who may work in it.
    pub with: Vec<Holder>,
    /// Whose it is, if not the caller's.
    pub owner: Option<String>,
    /// Set the context's namespace.
    pub switch: bool,
    /// Go on when it is the owner's already.
    pub reuse: bool,
    /// Wait until one can work in it.
    pub wait: bool,
    /// What may be written.
    pub dry_run: DryRun,
    /// Who owns the fields.
    pub field_manager: String,
    /// How the answer is shown.
    pub output: OutputArgs,
}

/// Returns what the namespace will say.
///
/// # Errors
///
/// Usage, when it would be too short, too long or over already.
pub fn terms(
    wanted: &Wanted,
    name: &str,
    owner: &str,
    settings: &Settings,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Terms> {
    let cap = after(now, settings.max_total())?;
    let expires = match &wanted.end {
        End::Default => after(now, settings.default_ttl())?,
        End::In(ttl) => after(now, *ttl)?,
        End::At(moment) => moment
            .resolve(now, zone)
            .map_err(|why| Error::usage(format!("--until \"{moment}\": {why}")))?,
    };
    let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
    if expires <= now {
        return Err(Error::usage(format!(
            "{} is in the past: the server's clock shows {}",
            shown(expires, zone),
            shown(now, zone)
        )));
    }
    let lasts = Span(between(now, expires));
    if lasts < settings.min_ttl() {
        return Err(Error::usage(format!(
            "a claim must last at least {}; {lasts} is too short",
            settings.min_ttl()
        ))
        .with_hint(format!("--ttl {}", settings.default_ttl())));
    }
    if expires > cap {
        return Err(Error::usage(format!(
            "a claim can last at most {}; {lasts} is too long",
            settings.max_total()
        ))
        .with_hint(format!("--ttl {}", settings.max_total())));
    }
    Ok(Terms {
        name: name.to_owned(),
        owner: owner.to_owned(),
        team: wanted.team.clone(),
        purpose: wanted.purpose.clone(),
        contact: wanted.contact.clone(),
        expires,
        // Nobody could be warned later: the rule never to delete what was not warned would let
        // the shortest claims live longest.
        warned: (lasts <= settings.warn()).then_some(now),
    })
}

fn after(now: Timestamp, span: Span) -> Result<Timestamp> {
    now.checked_add(span.0)
        .map_err(|_| Error::usage(format!("{span} from now is out of range")))
}

/// One thing that a claim changes.
#[derive(Debug)]
pub struct Step {
    /// What it is.
    pub what: What,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// What a claim is made of.
#[derive(Debug)]
pub enum What {
    /// The owner's place in the index.
    Entry,
    /// The namespace, with everything that says whose it is.
    Namespace(Box<Namespace>),
    /// The limits of its containers.
    Limits(Box<LimitRange>),
    /// Its quota.
    Quota(Box<ResourceQuota>),
    /// The policy that isolates it.
    Network(Box<NetworkPolicy>),
    /// A binding that lets someone work in it.
    Binding(Box<RoleBinding>),
}

impl Step {
    /// Returns `kind/namespace/name`.
    #[must_use]
    pub fn object(&self) -> String {
        let (kind, metadata) = match &self.what {
            What::Entry => return record(meta::INDEX),
            What::Namespace(object) => ("namespace", &object.metadata),
            What::Limits(object) => ("limitrange", &object.metadata),
            What::Quota(object) => ("resourcequota", &object.metadata),
            What::Network(object) => ("networkpolicy", &object.metadata),
            What::Binding(object) => ("rolebinding", &object.metadata),
        };
        let name = metadata.name.as_deref().unwrap_or_default();
        match metadata.namespace.as_deref() {
            Some(namespace) => format!("{kind}/{namespace}/{name}"),
            None => format!("{kind}/{name}"),
        }
    }
}

impl Step {
    /// Returns the right that the step takes; none when nothing is to be done.
    #[must_use]
    pub fn right(&self, session: &Session) -> Option<Access> {
        if self.outcome == Outcome::Unchanged {
            return None;
        }
        let within = |metadata: &ObjectMeta| metadata.namespace.clone().unwrap_or_default();
        Some(match &self.what {
            What::Entry => records(session).right("patch").named(meta::INDEX),
            What::Namespace(_) => session.of::<Namespace>().right("create"),
            What::Limits(object) => {
                let inside = session.in_(within(&object.metadata));
                inside.of::<LimitRange>().right("create")
            }
            What::Quota(object) => {
                let inside = session.in_(within(&object.metadata));
                inside.of::<ResourceQuota>().right("create")
            }
            What::Network(object) => {
                let inside = session.in_(within(&object.metadata));
                inside.of::<NetworkPolicy>().right("create")
            }
            What::Binding(object) => {
                let inside = session.in_(within(&object.metadata));
                inside.of::<RoleBinding>().right("create")
            }
        })
    }
}

/// Returns the steps of a claim in the order in which they are taken, as they are where nothing
/// of it is there but, perhaps, its place in the index.
#[must_use]
pub fn steps(terms: &Terms, wanted: &Wanted, holder: &Holder, index: &Index) -> Vec<Step> {
    let name = &terms.name;
    let profile = &wanted.profile;
    let owner = objects::role_binding(
        meta::OWNER_BINDING,
        name,
        &index.settings.owner_role,
        std::slice::from_ref(holder),
    );
    let inside = [
        objects::limit_range(profile, name).map(|object| What::Limits(Box::new(object))),
        objects::quota(profile, name).map(|object| What::Quota(Box::new(object))),
        objects::network_policy(Network::Isolated, name)
            .map(|object| What::Network(Box::new(object))),
        Some(What::Binding(Box::new(owner))),
    ];
    let others = wanted
        .with
        .iter()
        .map(|other| What::Binding(Box::new(objects::shared(other, name))));
    let entry = match index.holders.get(name) {
        Some(_) => Outcome::Unchanged,
        None if index.resource_version.is_none() => Outcome::Created,
        None => Outcome::Configured,
    };
    let namespace = What::Namespace(Box::new(objects::namespace(terms)));
    let rest = std::iter::once(namespace)
        .chain(inside.into_iter().flatten())
        .chain(others)
        .map(|what| Step {
            what,
            outcome: Outcome::Created,
        });
    std::iter::once(Step {
        what: What::Entry,
        outcome: entry,
    })
    .chain(rest)
    .collect()
}

#[cfg(test)]
mod tests {
    use groundcrew::error::Kind;

    use super::*;
    use crate::model::claim::tests::at;

    fn wanted(end: End) -> Wanted {
        Wanted {
            name: None,
            end,
            purpose: None,
            team: None,
            contact: None,
            profile: Profile::None,
            with: Vec::new(),
            owner: None,
            switch: false,
            reuse: false,
            wait: false,
            dry_run: DryRun::None,
            field_manager: String::new(),
            output: OutputArgs::default(),
        }
    }

    fn plan(end: End) -> Result<Terms> {
        let now = at("2026-11-21T10:00:00Z");
        terms(
            &wanted(end),
            "a",
            "ana",
            &Settings::default(),
            now,
            &TimeZone::UTC,
        )
    }

    fn lasting(text: &str) -> Result<Terms> {
        plan(End::In(text.parse().unwrap()))
    }

    #[test]
    fn a_claim_without_a_lifetime_lasts_as_long_as_the_installation_says() {
        assert_eq!(
            plan(End::Default).unwrap().expires,
            at("2026-11-21T18:00:00Z")
        );
    }

    #[test]
    fn a_claim_is_neither_shorter_nor_longer_than_allowed() {
        for text in ["9m59s", "7d1s", "292y", "1s"] {
            let Ok(span) = text.parse() else { continue };
            assert_eq!(
                plan(End::In(span)).unwrap_err().kind(),
                Kind::Usage,
                "{text}"
            );
        }
        assert!(lasting("10m").is_ok() && lasting("1w").is_ok());
    }

    #[test]
    fn only_a_claim_shorter_than_the_warning_is_warned_at_once() {
        assert_eq!(
            lasting("1h").unwrap().warned,
            Some(at("2026-11-21T10:00:00Z"))
        );
        assert_eq!(lasting("61m").unwrap().warned, None);
    }

    #[test]
    fn a_moment_that_is_over_is_refused() {
        let moment = "2026-11-21T09:59:59Z".parse().unwrap();
        let error = plan(End::At(moment)).unwrap_err();
        assert!(error.to_string().contains("is in the past"), "{error}");
    }

    #[test]
    fn a_claim_is_its_entry_its_namespace_and_what_is_in_it_in_this_order() {
        let terms = lasting("2h").unwrap();
        let holder = Holder::User("ana".to_owned());
        let objects = |index: &Index| {
            let steps = steps(&terms, &wanted(End::Default), &holder, index);
            let told = |step: &Step| format!("{} {}", step.object(), step.outcome);
            steps.iter().map(told).collect::<Vec<_>>()
        };
        let inside = [
            "namespace/a created",
            "networkpolicy/a/default-deny created",
            "rolebinding/a/claim-owner created",
        ];
        let entry = |outcome| format!("configmap/groundcrew-system/claims {outcome}");
        let mut index = Index::default();
        assert_eq!(objects(&index)[0], entry("created"));
        assert_eq!(objects(&index)[1..], inside);
        index.resource_version = Some("1".to_owned());
        assert_eq!(objects(&index)[0], entry("configured"));
        index.holders.insert("a".to_owned(), "ana".to_owned());
        assert_eq!(objects(&index)[0], entry("unchanged"));
    }
}
