//! What a run was asked for, resolved and checked.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::tenancy::{Network, Profile};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;

use crate::model::login::Provider;
use crate::model::settings::{Extra, Membership};
use crate::model::signing_request::SigningRequest;
use crate::model::user::UserName;
use crate::model::{kubeconfig, product};

/// Shortest lifetime that the API server accepts.
const MIN_EXPIRES: Duration = Duration::from_secs(600);

/// Longest lifetime that fits `spec.expirationSeconds`, an int32.
const MAX_EXPIRES: Duration = Duration::from_secs(i32::MAX as u64);

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

/// Everything a run needs to know; flags that were not given are `None` where an earlier run may
/// have said it already.
#[derive(Debug)]
pub struct Options {
    /// Whom to onboard.
    pub user: UserName,
    /// Her namespace, if stated.
    pub namespace: Option<String>,
    /// Team, for people and reports.
    pub team: Option<String>,
    /// Whom to ask about the namespace.
    pub contact: Option<String>,
    /// What the namespace is for.
    pub purpose: Option<String>,
    /// ClusterRole that she gets in her namespace.
    pub role: Option<String>,
    /// Limits and quota.
    pub profile: Option<Profile>,
    /// Which traffic is allowed.
    pub network: Option<Network>,
    /// Additional groups inside the certificate.
    pub groups: Vec<String>,
    /// Which kind of credential.
    pub auth: Auth,
    /// Where the key of a certificate is.
    pub key: KeySource,
    /// How she logs in, when somebody else issues the credential.
    pub provider: Option<Provider>,
    /// How long the credential is asked to last.
    pub expires: Duration,
    /// How long to wait for the signer and for the rights to take effect.
    pub timeout: Duration,
    /// Where the kubeconfig goes, or her certificate when she has the key.
    pub out: PathBuf,
    /// API server address for her, when it differs from the admin's.
    pub server: Option<String>,
    /// Replace her credential and the file.
    pub force: bool,
    /// What the run is for.
    pub mode: Mode,
    /// She gets no namespace of her own.
    pub no_namespace: bool,
    /// Namespaces of others where she gets a role.
    pub joins: Vec<Membership>,
    /// Namespaces of others where she loses hers.
    pub leaves: Vec<String>,
    /// What she may do in the cluster besides.
    pub extras: Vec<Extra>,
    /// Her own request for a renewal, which is approved instead of a new one.
    pub renewal: Option<Box<CertificateSigningRequest>>,
    /// The file that declares her.
    pub declared_by: Option<String>,
    /// What may be written.
    pub dry_run: DryRun,
    /// Who owns the fields that are applied.
    pub field_manager: String,
    /// Take over fields that another manager has set.
    pub force_conflicts: bool,
    /// How the answer is shown.
    pub output: OutputArgs,
}

impl Options {
    /// Returns what a run for somebody who keeps what they hold begins with.
    ///
    /// # Errors
    ///
    /// Usage, when that is not a user name.
    pub fn keeping(who: &str, write: &WriteArgs, output: OutputArgs) -> Result<Self> {
        Ok(Self {
            mode: Mode::Keep,
            output,
            ..Self::of(UserName::parse(who)?).written(write)
        })
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

    /// Returns what holds when nothing but the name is stated.
    #[must_use]
    pub fn of(user: UserName) -> Self {
        Self {
            namespace: None,
            team: None,
            contact: None,
            purpose: None,
            role: None,
            profile: None,
            network: None,
            groups: Vec::new(),
            auth: Auth::Auto,
            key: KeySource::Here,
            provider: None,
            expires: Duration::from_secs(30 * 24 * 3600),
            timeout: Duration::from_secs(30),
            out: kubeconfig::default_path(&user),
            server: None,
            force: false,
            mode: Mode::Onboard,
            no_namespace: false,
            joins: Vec::new(),
            leaves: Vec::new(),
            extras: Vec::new(),
            renewal: None,
            declared_by: None,
            dry_run: DryRun::None,
            field_manager: product::field_manager(None),
            force_conflicts: false,
            output: OutputArgs::default(),
            user,
        }
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Whatever is missing is made, a credential included.
    #[default]
    Onboard,
    /// She is onboarded already and gets the next generation; the ones before end after `grace`.
    Renew {
        /// How long both work.
        grace: Duration,
    },
    /// She is onboarded already and keeps what she holds.
    Keep,
    /// She is onboarded already; credentials whose grace is over end.
    Retire,
}

/// Where the private key of a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The run makes it and puts it into her kubeconfig.
    Here,
    /// She made it and keeps it; this is the request that she signed with it.
    External(SigningRequest),
}

/// Which kind of credential to issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// A certificate, or a token where the cluster signs none.
    Auto,
    /// A client certificate signed by the cluster.
    Cert,
    /// A service account token; deleting its Secret revokes it.
    Token,
    /// A login with OpenID Connect; the kubeconfig holds no secret.
    Oidc,
    /// A login with a program; the kubeconfig holds no secret.
    Exec,
}
