//! Decides what a run does. Pure: what it needs to know comes in, no clock, no environment.

use groundcrew::client::access::Access;
use groundcrew::error::{Error, Result};
use jiff::Timestamp;

use crate::credential::Issued;
use crate::identity::UserName;
use crate::kubeconfig::{Existing, Held};
use crate::meta;
use crate::objects::{self, Holder};
use crate::observe::{FoundNamespace, Observed};
use crate::options::{Auth, DEFAULT_ROLE, Network, Options};
use crate::profile::{Profile, Size};
use crate::record::{CredentialKind, Generation, Record, SYSTEM_NAMESPACE, Settings};

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
    /// The RoleBinding gives another role and has to be replaced: a roleRef cannot be changed.
    pub replace_binding: bool,
    /// Holders of rights while the run lasts and after it.
    pub holders: Holders,
}

/// What happens to the namespace itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceStep {
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
    let record = observed.record.as_ref().map(|found| &found.record);
    let namespace = namespace_of(options, record)?;
    let settings = settings(options, record);
    let namespace_step = namespace_step(
        &namespace,
        &options.user,
        &settings,
        observed.namespace.as_ref(),
    )?;
    if let Some(found) = &observed.binding {
        objects::check_subjects(found, &options.user, options.force_conflicts)?;
    }
    if let Some(begun) = record.and_then(|record| record.begun.as_ref())
        && begun.is_in_the_way(now)
    {
        return Err(Error::conflict(format!(
            "a run of {} has failed and is taking back what it made for {}",
            begun.by, options.user
        ))
        .with_hint("run this again in a minute"));
    }
    let credential = credential_step(options, &observed.file, record, now)?;
    let holders = holders(&options.user, options.auth, &credential, record, now);
    Ok(Plan {
        namespace_step,
        profile: profile(options, &settings)?,
        network: network(&settings)?,
        replace_binding: observed
            .binding
            .as_ref()
            .is_some_and(|binding| binding.role_ref.name != settings.role),
        namespace,
        settings,
        credential,
        holders,
    })
}

/// Returns her namespace: as stated, as recorded, or named after her.
///
/// # Errors
///
/// Conflict, when she has another one already.
pub fn namespace_of(options: &Options, record: Option<&Record>) -> Result<String> {
    match (&options.namespace, record) {
        (Some(stated), Some(record)) if *stated != record.namespace => {
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
    rights(role, options.auth, namespace)
}

/// Returns every right that it takes to give somebody `role` in `namespace` and a credential.
#[must_use]
pub fn rights(role: &str, auth: Auth, namespace: &str) -> Vec<Access> {
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
    if auth != Auth::Token {
        all.extend(["create", "get", "list", "delete"].map(|verb| Access::new(verb, csr)));
        all.push(Access::new("update", &format!("{csr}/approval")));
        all.push(
            Access::new("approve", "signers.certificates.k8s.io")
                .named("kubernetes.io/kube-apiserver-client"),
        );
    }
    let system = |verb, resource| Access::new(verb, resource).within(SYSTEM_NAMESPACE);
    if auth == Auth::Token {
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
    let before = record
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
    }
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
        Existing::Hers(held) if options.force => Ok(issue(held.generation + 1, true)),
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
        Existing::Absent => match live {
            Some(live) if !options.force => Ok(CredentialStep::KeepElsewhere(live.clone())),
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
    step: &CredentialStep,
    record: Option<&Record>,
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
            let kind = match auth {
                Auth::Token => CredentialKind::Token,
                Auth::Auto | Auth::Cert => CredentialKind::Certificate,
            };
            let new = Holder::of(user, *generation, kind);
            return Holders {
                during: with(live, new.clone()),
                after: vec![new],
            };
        }
    };
    Holders {
        during: kept.clone(),
        after: kept,
    }
}

#[cfg(test)]
mod tests;
