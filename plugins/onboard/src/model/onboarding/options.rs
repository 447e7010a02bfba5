//! What a run was asked for, resolved and checked.

use std::path::PathBuf;
use std::time::Duration;

use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::tenancy::{Network, Profile};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use crate::model::login::Provider;
use crate::model::settings::{Extra, Membership};
use crate::model::signing_request::SigningRequest;
use crate::model::user::UserName;
use crate::model::{kubeconfig, product, way};

/// Shortest lifetime that the API server accepts.
const MIN_EXPIRES: Duration = Duration::from_secs(600);

/// Longest lifetime that fits `spec.expirationSeconds`, an int32.
const MAX_EXPIRES: Duration = Duration::from_secs(i32::MAX as u64);

/// How long a credential lasts unless another time is asked for.
const EXPIRES: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a run waits unless another time is asked for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Checks a lifetime against what the API server accepts.
///
/// # Errors
///
/// Usage, with the range.
pub fn check_expires(expires: Span) -> Result<()> {
    if (MIN_EXPIRES..=MAX_EXPIRES).contains(&expires.0) {
        return Ok(());
    }
    Err(Error::usage(format!("--expires {expires} is out of range"))
        .with_hint("the API server accepts 10m to 24855d; 30d is a good start"))
}

/// Checks the longest lifetime that is taken from a signer.
///
/// # Errors
///
/// Usage, when more than that is asked for.
pub fn check_max_expires(max: Option<Span>, expires: Span) -> Result<Option<Duration>> {
    match max {
        Some(max) if max.0 < expires.0 => Err(Error::usage(format!(
            "--max-expires {max} is shorter than --expires {expires}"
        ))
        .with_hint(format!("pass --expires {max}"))),
        max => Ok(max.map(|max| max.0)),
    }
}

/// A user, what is to be done for them, and how.
#[derive(Debug)]
pub struct Options {
    /// The user.
    pub user: UserName,
    /// What is to be done.
    pub task: Task,
    /// How long to wait for the signer and for the rights to take effect.
    pub timeout: Duration,
    /// The longest lifetime of a credential that is taken from a signer; none refuses nothing.
    pub max_expires: Option<Duration>,
    /// Where the kubeconfig goes, or the certificate when the user keeps the key.
    pub out: PathBuf,
    /// How the user reaches the API server, where that differs from the admin's way.
    pub way: Way,
    /// What may be written.
    pub dry_run: DryRun,
    /// Who owns the fields that are applied.
    pub field_manager: String,
    /// Take over fields that another manager has set.
    pub force_conflicts: bool,
    /// How the answer is shown.
    pub output: OutputArgs,
}

/// How the user reaches the API server, where that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The address.
    pub server: Option<String>,
    /// The proxy.
    pub proxy: Option<Proxy>,
}

impl Way {
    /// Returns the way for a run that gives nobody a file, whatever the admin's is like.
    #[must_use]
    pub fn of_nobody() -> Self {
        Self {
            server: None,
            proxy: Some(Proxy::None),
        }
    }
}

/// The proxy that the user's file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// None, whatever the admin's has.
    None,
    /// This one.
    Url(String),
}

impl Proxy {
    /// Returns its address.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Url(url) => Some(url),
        }
    }
}

impl std::str::FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            _ => way::proxy(text).map(Self::Url),
        }
    }
}

/// What a run is for. All but the first are for somebody who is onboarded already.
#[derive(Debug)]
pub enum Task {
    /// Whatever is missing is made, a credential included.
    Issue(Box<Wish>),
    /// The next generation is issued; the ones before end after the grace.
    Renew(Renewal),
    /// The next generation is issued for a key that the user keeps, as they asked in the cluster.
    Approve(Box<Approval>),
    /// A role is given in a namespace of others.
    Join(Membership),
    /// The role in a namespace of others is taken.
    Leave(String),
    /// Credentials whose grace is over lose their rights.
    Retire,
}

/// How the next generation takes the place of the last.
#[derive(Clone, Copy, Debug)]
pub struct Renewal {
    /// How long both work.
    pub grace: Duration,
    /// How long the new one is asked to last.
    pub expires: Duration,
}

/// A renewal that the user asked for.
#[derive(Debug)]
pub struct Approval {
    /// How the new generation takes the place of the last.
    pub renewal: Renewal,
    /// What was asked, checked.
    pub request: SigningRequest,
    /// The object in the cluster that is approved.
    pub object: CertificateSigningRequest,
}

/// What somebody is to have. What is not given may have been said by an earlier run.
#[derive(Debug)]
pub struct Wish {
    /// What people should know of the user and the namespace.
    pub about: About,
    /// The user's own namespace.
    pub home: Home,
    /// Namespaces of others where the user gets a role.
    pub joins: Vec<Membership>,
    /// What the user may do in the whole cluster.
    pub wide: Vec<Extra>,
    /// How the user proves who they are.
    pub credential: Credential,
    /// How long the credential is asked to last.
    pub expires: Duration,
    /// A credential and a file that are there are replaced.
    pub force: bool,
}

/// What people should know of a user and their namespace.
#[derive(Debug, Default)]
pub struct About {
    /// The team.
    pub team: Option<String>,
    /// Who can be asked about the namespace.
    pub contact: Option<String>,
    /// What the namespace is for.
    pub purpose: Option<String>,
    /// The file that declares the user.
    pub declared_by: Option<String>,
}

/// Whether the user has a namespace of their own.
#[derive(Debug)]
pub enum Home {
    /// A namespace of their own.
    Own(Own),
    /// None: the user works in the namespaces that they join.
    None,
}

/// A namespace of the user's own.
#[derive(Debug, Default)]
pub struct Own {
    /// Its name.
    pub namespace: Option<String>,
    /// ClusterRole that the user gets in it.
    pub role: Option<String>,
    /// Limits and quota.
    pub profile: Option<Profile>,
    /// Which traffic is allowed.
    pub network: Option<Network>,
}

/// A credential that can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A certificate with these groups beside its own, or a token where the cluster signs none.
    Auto {
        /// The groups.
        groups: Vec<String>,
    },
    /// A client certificate with these groups beside its own, signed by the cluster.
    Certificate {
        /// The groups.
        groups: Vec<String>,
    },
    /// A client certificate for a key that the user made and keeps.
    External(SigningRequest),
    /// A service account token; deleting its Secret revokes it.
    Token,
    /// Somebody else issues it; the kubeconfig holds no secret.
    Login(Provider),
}

/// Who issues a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// The cluster's signer of client certificates.
    Signer,
    /// The API server, for a service account.
    Tokens,
    /// Somebody else.
    Provider,
}

impl Options {
    /// Returns what holds when nothing but the task is given.
    #[must_use]
    pub fn of(user: UserName, task: Task) -> Self {
        Self {
            timeout: TIMEOUT,
            max_expires: None,
            out: kubeconfig::default_path(&user),
            way: Way::default(),
            dry_run: DryRun::None,
            field_manager: product::field_manager(None),
            force_conflicts: false,
            output: OutputArgs::default(),
            user,
            task,
        }
    }

    /// Returns the same with what the flags say of writes.
    #[must_use]
    pub fn written(self, write: &WriteArgs) -> Self {
        Self {
            dry_run: write.dry_run,
            field_manager: product::field_manager(write.field_manager.clone()),
            force_conflicts: write.force_conflicts,
            ..self
        }
    }

    /// Returns what the user is to have, where a run makes whatever is missing.
    #[must_use]
    pub fn wish(&self) -> Option<&Wish> {
        match &self.task {
            Task::Issue(wish) => Some(wish),
            _ => None,
        }
    }

    /// Returns who issues the credential, as far as it is known before the record is read.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        match self.wish().map(|wish| &wish.credential) {
            Some(Credential::Token) => Issuer::Tokens,
            Some(Credential::Login(_)) => Issuer::Provider,
            _ => Issuer::Signer,
        }
    }

    /// Returns the user's own namespace as far as it is given.
    #[must_use]
    pub fn own(&self) -> Option<&Own> {
        match &self.wish()?.home {
            Home::Own(own) => Some(own),
            Home::None => None,
        }
    }

    /// Returns the namespaces of others where the user gets a role.
    #[must_use]
    pub fn joins(&self) -> &[Membership] {
        match &self.task {
            Task::Issue(wish) => &wish.joins,
            Task::Join(membership) => std::slice::from_ref(membership),
            _ => &[],
        }
    }

    /// Says whether the user leaves a namespace of others.
    #[must_use]
    pub fn leaves(&self, namespace: &str) -> bool {
        matches!(&self.task, Task::Leave(left) if left == namespace)
    }

    /// Returns what the user gets in the whole cluster.
    #[must_use]
    pub fn wide(&self) -> &[Extra] {
        self.wish()
            .map(|wish| wish.wide.as_slice())
            .unwrap_or_default()
    }

    /// Says whether a credential and a file that are there are replaced.
    #[must_use]
    pub fn force(&self) -> bool {
        self.wish().is_some_and(|wish| wish.force)
    }

    /// Returns how the next generation takes the place of the last, where it does.
    #[must_use]
    pub fn renewal(&self) -> Option<Renewal> {
        match &self.task {
            Task::Renew(renewal) => Some(*renewal),
            Task::Approve(approval) => Some(approval.renewal),
            _ => None,
        }
    }

    /// Returns how long a new credential is asked to last.
    #[must_use]
    pub fn expires(&self) -> Duration {
        let wished = self.wish().map(|wish| wish.expires);
        let renewed = self.renewal().map(|renewal| renewal.expires);
        wished.or(renewed).unwrap_or(EXPIRES)
    }

    /// Returns the request that the user signed with a key of their own.
    #[must_use]
    pub fn request(&self) -> Option<&SigningRequest> {
        match &self.task {
            Task::Issue(wish) => match &wish.credential {
                Credential::External(request) => Some(request),
                _ => None,
            },
            Task::Approve(approval) => Some(&approval.request),
            _ => None,
        }
    }

    /// Returns how the user logs in, where somebody else issues the credential.
    #[must_use]
    pub fn provider(&self) -> Option<&Provider> {
        match &self.wish()?.credential {
            Credential::Login(provider) => Some(provider),
            _ => None,
        }
    }
}

impl Default for Wish {
    /// A namespace of their own, and a certificate where the cluster signs one.
    fn default() -> Self {
        Self {
            about: About::default(),
            home: Home::Own(Own::default()),
            joins: Vec::new(),
            wide: Vec::new(),
            credential: Credential::Auto { groups: Vec::new() },
            expires: EXPIRES,
            force: false,
        }
    }
}
