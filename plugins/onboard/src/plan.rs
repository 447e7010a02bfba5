//! Decides what a run does. Pure: what it needs to know comes in, no clock, no environment.

use std::time::Duration;

use groundcrew::client::access::Access;
use groundcrew::error::{Error, Result};
use jiff::Timestamp;

use crate::credential::Issued;
use crate::identity::UserName;
use crate::kubeconfig::{Existing, Held};
use crate::login::Asserted;
use crate::meta;
use crate::objects::{self, Holder};
use crate::observe::{FoundNamespace, Observed};
use crate::options::{Auth, DEFAULT_ROLE, KeySource, Mode, Network, Options};
use crate::profile::{Profile, Size};
use crate::record::{CredentialKind, Generation, Membership, Record, SYSTEM_NAMESPACE, Settings};

mod her_key;

/// What a run is going to do.
#[derive(Debug)]
pub struct Plan {
    /// Her namespace.
    pub namespace: String,
    /// What happens to the namespace itself.
    pub namespace_step: NamespaceStep,
    /// What was asked for, together with what earlier runs were asked for.
    pub settings: Settings,
    /// Limits and quota to apply; `None` leaves those of an earlier run alone.
    pub profile: Option<Profile>,
    /// Network policy to apply.
    pub network: Network,
    /// What happens to the credential.
    pub credential: CredentialStep,
    /// Where she has a role, her home first.
    pub places: Vec<Place>,
    /// Namespaces where she loses it.
    pub left: Vec<String>,
    /// Namespaces whose RoleBinding gives another role and has to be replaced: a roleRef cannot be
    /// changed.
    pub replaced: Vec<String>,
    /// Groups inside a new certificate besides that of its generation.
    pub groups: Vec<String>,
    /// Which kind of credential is issued.
    pub auth: Auth,
    /// When older generations lose their rights.
    pub retire_at: Timestamp,
    /// Holders of rights while the run lasts and after it.
    pub holders: Holders,
}

/// A namespace where she has a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The ClusterRole that she has there.
    pub role: String,
    /// It is her own.
    pub own: bool,
}

/// What happens to the namespace itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceStep {
    /// She has none of her own.
    None,
    /// It is made.
    Create,
    /// It is hers; labels or annotations change.
    Update,
    /// It is hers and as it should be.
    Keep,
}

/// What happens to the credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialStep {
    /// Her file at the output path is valid and stays.
    KeepFile(Held),
    /// She holds one whose file is not here.
    KeepElsewhere(Generation),
    /// A new one is issued.
    Issue {
        /// Its generation.
        generation: u32,
        /// A file at the output path is replaced.
        replace_file: bool,
    },
}

/// Who holds the rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// Until the new credential is proved: she is never without access in between.
    pub during: Vec<Holder>,
    /// In the end.
    pub after: Vec<Holder>,
}

impl Holders {
    /// Returns those during the run when a token takes the place of a certificate.
    #[must_use]
    pub fn with_token(&self, user: &UserName) -> Vec<Holder> {
        let kept = self
            .during
            .iter()
            .filter(|holder| !self.after.contains(holder))
            .cloned();
        let account = Holder::of(user, 0, CredentialKind::Token);
        kept.filter(|holder| *holder != account)
            .chain([account.clone()])
            .collect()
    }
}

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
        objects::check_subjects(found, user, &asserted, options.force_conflicts)?;
    }
    let last = record.and_then(|record| record.generations.last());
    let renewed = last.filter(|_| matches!(options.mode, Mode::Renew { .. }));
    let auth = match renewed.map(|last| last.kind) {
        Some(CredentialKind::Token) => Auth::Token,
        _ => options.auth,
    };
    let grace = match options.mode {
        Mode::Renew { grace } => grace,
        Mode::Onboard | Mode::Keep | Mode::Retire => Duration::ZERO,
    };
    let credential = credential_step(options, &observed.file, record, now)?;
    let credential = her_key::settle(options, credential, record)?;
    let asserted = options.provider.as_ref().map(|one| &one.asserted);
    let replaced = places.iter().filter(|place| {
        let mut bindings = observed.bindings.iter();
        bindings.any(|binding| {
            binding.metadata.namespace.as_ref() == Some(&place.namespace)
                && binding.role_ref.name != place.role
        })
    });
    Ok(Plan {
        namespace_step,
        profile: profile(options, &settings)?,
        network: network(&settings)?,
        replaced: replaced.map(|place| place.namespace.clone()).collect(),
        left: record
            .map(|record| left(options, record))
            .unwrap_or_default(),
        groups: match renewed {
            Some(last) if options.groups.is_empty() => shared_groups(user, last),
            _ => options.groups.clone(),
        },
        holders: holders(user, auth, asserted, &credential, record, grace, now),
        retire_at: now.saturating_add(grace).unwrap_or(now),
        places,
        auth,
        namespace,
        settings,
        credential,
    })
}

/// Returns whom logins make her: the one that was asked for, and those on record.
#[must_use]
pub fn asserted(options: &Options, record: Option<&Record>) -> Vec<Asserted> {
    let asked = options.provider.iter().map(|provider| &provider.asserted);
    let issues = record.into_iter().flat_map(|record| &record.generations);
    asked
        .chain(issues.filter_map(|issue| issue.asserted.as_ref()))
        .cloned()
        .collect()
}

fn shared_groups(user: &UserName, issue: &Generation) -> Vec<String> {
    let shared = |group: &&String| user.generation_of(group).is_none();
    issue.groups.iter().filter(shared).cloned().collect()
}

/// Checks that the record lets this run begin.
fn check_record(options: &Options, record: Option<&Record>, now: Timestamp) -> Result<()> {
    let user = &options.user;
    if record.is_some_and(Record::is_half_ended) {
        return Err(Error::conflict(format!(
            "{user}'s access has begun to end, and bindings may be left that give rights to an old \
             certificate"
        ))
        .with_hint(format!("end it first:  kubectl onboard offboard {user}")));
    }
    if let Some(begun) = record.and_then(|record| record.begun.as_ref())
        && begun.is_in_the_way(now)
    {
        return Err(Error::conflict(format!(
            "a run of {} has failed and is taking back what it made for {user}",
            begun.by
        ))
        .with_hint("run this again in a minute"));
    }
    let onboarded =
        record.is_some_and(|record| record.ended.is_none() && !record.generations.is_empty());
    let last = record.and_then(|record| record.generations.last());
    if let Some(last) = last.filter(|last| last.kind.is_foreign())
        && matches!(options.mode, Mode::Renew { .. })
    {
        let kind = last.kind.as_str();
        return Err(Error::usage(format!(
            "{user} logs in with {kind}: whoever issues that credential renews it"
        ))
        .with_hint(format!("for another one:  kubectl onboard {user} --force")));
    }
    if options.mode != Mode::Onboard && !onboarded {
        return Err(Error::failed(format!("{user} is not onboarded"))
            .with_hint(format!("kubectl onboard {user}"))
            .with_hint("everybody who is:  kubectl onboard list"));
    }
    Ok(())
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

/// Returns every right that a run needs, so that all missing ones can be named at once.
#[must_use]
pub fn required(options: &Options, namespace: &str) -> Vec<Access> {
    let role = options.role.as_deref().unwrap_or(DEFAULT_ROLE);
    let csr = "certificatesigningrequests.certificates.k8s.io";
    let cluster_roles = "clusterroles.rbac.authorization.k8s.io";
    let mut all = vec![
        Access::new("get", "namespaces"),
        Access::new("create", "namespaces"),
        Access::new("patch", "namespaces"),
        Access::new("get", cluster_roles).named(role),
        Access::new("bind", cluster_roles).named(role),
    ];
    for resource in [
        "limitranges",
        "resourcequotas",
        "networkpolicies.networking.k8s.io",
    ] {
        let inside = |verb| Access::new(verb, resource).within(namespace);
        all.extend(["get", "create", "patch"].map(inside));
    }
    let bindings = "rolebindings.rbac.authorization.k8s.io";
    let inside = |verb| Access::new(verb, bindings).within(namespace);
    all.extend(["get", "create", "update"].map(inside));
    for join in &options.joins {
        let inside = |verb| Access::new(verb, bindings).within(&join.namespace);
        all.extend(["get", "create", "update"].map(inside));
        all.push(Access::new("bind", cluster_roles).named(&join.role));
    }
    for left in &options.leaves {
        all.push(Access::new("delete", bindings).within(left));
    }
    if matches!(options.auth, Auth::Auto | Auth::Cert) {
        all.extend(["create", "get", "list", "delete"].map(|verb| Access::new(verb, csr)));
        all.push(Access::new("update", &format!("{csr}/approval")));
        all.push(
            Access::new("approve", "signers.certificates.k8s.io")
                .named("kubernetes.io/kube-apiserver-client"),
        );
    }
    if matches!(options.key, KeySource::Hers(_)) || options.provider.is_some() {
        let review = "subjectaccessreviews.authorization.k8s.io";
        all.push(Access::new("create", review));
    }
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    if options.auth == Auth::Token {
        all.push(system("create", "serviceaccounts"));
        all.push(system("create", "serviceaccounts/token"));
        all.extend(["get", "create", "delete"].map(|verb| system(verb, "secrets")));
    }
    all.extend(["get", "create", "update", "delete"].map(|verb| system(verb, "configmaps")));
    all
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

fn settings(options: &Options, record: Option<&Record>) -> Settings {
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
            options.network.map(Network::name),
            before.network,
            "isolated",
        ),
        no_namespace: options.no_namespace || before.no_namespace,
        memberships: memberships(options, before.memberships),
        declared_by: or(&options.declared_by, before.declared_by),
    }
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

fn profile(options: &Options, settings: &Settings) -> Result<Option<Profile>> {
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

fn network(settings: &Settings) -> Result<Network> {
    [Network::Isolated, Network::Open, Network::None]
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
    match found.annotations.get(meta::OWNER) {
        Some(owner) if owner == user.as_str() => {}
        Some(owner) => {
            return Err(
                Error::conflict(format!("namespace {name:?} belongs to {owner}"))
                    .with_hint("choose another one with -n"),
            );
        }
        None => {
            return Err(Error::conflict(format!(
                "namespace {name:?} exists and nothing says that it is {user}'s"
            ))
            .with_hint("choose another one with -n")
            .with_hint(format!(
                "if it is hers:  kubectl annotate namespace {name} {}={user}",
                meta::OWNER
            )));
        }
    }
    let wanted = objects::namespace(name, user, settings).metadata;
    let differs = objects::lacks(wanted.labels.as_ref(), Some(&found.labels))
        || objects::lacks(wanted.annotations.as_ref(), Some(&found.annotations));
    Ok(if differs {
        NamespaceStep::Update
    } else {
        NamespaceStep::Keep
    })
}

fn credential_step(
    options: &Options,
    file: &Existing,
    record: Option<&Record>,
    now: Timestamp,
) -> Result<CredentialStep> {
    let path = options.out.display();
    let live = record.and_then(|record| record.live(now).next_back());
    if options.mode == Mode::Retire
        && let Some(last) = record.and_then(|record| record.generations.last())
    {
        return Ok(CredentialStep::KeepElsewhere(last.clone()));
    }
    if options.mode == Mode::Keep {
        return live
            .map(|live| CredentialStep::KeepElsewhere(live.clone()))
            .ok_or_else(|| {
                let user = &options.user;
                Error::failed(format!("{user} has no credential that has not ended"))
                    .with_hint(format!("kubectl onboard renew {user}"))
            });
    }
    let renew = options.force || matches!(options.mode, Mode::Renew { .. });
    let next = record.map_or(1, Record::next_generation);
    let issue = |at_least: u32, replace_file| CredentialStep::Issue {
        generation: next.max(at_least),
        replace_file,
    };
    match file {
        Existing::Foreign(why) if !options.force => Err(Error::usage(format!(
            "{path} exists and is not {}'s kubeconfig for this cluster: {why}",
            options.user
        ))
        .with_hint("name another file with --out, or pass --force to overwrite it")),
        Existing::Foreign(_) => Ok(issue(1, true)),
        Existing::Hers(held) if renew => Ok(issue(held.generation + 1, true)),
        Existing::Hers(held) => match dead(held, record, now) {
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
                    .with_hint("name another file with --out, or pass --force to overwrite it"),
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
        return Some(format!("ended on {}", held.not_after));
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

fn holders(
    user: &UserName,
    auth: Auth,
    asserted: Option<&Asserted>,
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
            let new = match (asserted, auth) {
                (Some(asserted), _) => Holder::Asserted(asserted.clone()),
                (None, Auth::Token) => Holder::of(user, *generation, CredentialKind::Token),
                (None, _) => Holder::of(user, *generation, CredentialKind::Certificate),
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

pub mod changes;

#[cfg(test)]
mod tests;
