//! `kubectl onboard USER`: its flags, and what they mean together.

mod ask;
mod login;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, WriteArgs};

use crate::identity::{self, UserName};
use crate::kubeconfig;
use crate::options::{Auth, DEFAULT_ROLE, KeySource, Network, Options};
use crate::people;
use crate::record::{Extra, Membership};
use crate::request::{self, HerRequest};
use crate::setup::Setup;
use crate::smoke::Smoke;
use groundcrew::tenancy::Profile;
use login::LoginArgs;

/// Shortest lifetime that the API server accepts.
const MIN_EXPIRES: Duration = Duration::from_secs(600);
/// Longest lifetime that fits `spec.expirationSeconds`, an int32.
const MAX_EXPIRES: Duration = Duration::from_secs(i32::MAX as u64);

/// `kubectl onboard USER`.
#[derive(Args, Debug)]
pub struct IssueArgs {
    /// Who: alice, alice@example.com; letters, digits and . _ @ - +
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: Option<String>,

    #[command(flatten)]
    person: PersonArgs,

    #[command(flatten)]
    access: AccessArgs,

    #[command(flatten)]
    credential: CredentialArgs,

    #[command(flatten)]
    extras: ExtrasArgs,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// What people should know of the namespace.
#[derive(Args, Debug)]
#[command(next_help_heading = "Person")]
struct PersonArgs {
    /// Her team, kept as an annotation
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,

    /// Whom to ask about the namespace, kept as an annotation
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,

    /// What the namespace is for, kept as an annotation
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
}

/// What she may do and use.
#[derive(Args, Debug)]
#[command(next_help_heading = "Rights and limits")]
struct AccessArgs {
    /// ClusterRole that she gets in her namespace [default: edit]
    #[arg(long, value_name = "CLUSTERROLE", add = complete::cluster_roles())]
    role: Option<String>,

    /// Limits and quota: small, medium, large, none, or a YAML file [default: small]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,

    /// Which traffic is allowed [default: isolated]
    #[arg(long, value_name = "POLICY", value_enum)]
    network: Option<Network>,

    /// A namespace of others where she gets a role too [default role: edit]; repeatable
    #[arg(long = "join", value_name = "NAMESPACE[:CLUSTERROLE]", value_parser = membership)]
    joins: Vec<Membership>,

    /// She may claim temporary namespaces: kubectl ns-claim
    #[arg(long)]
    claims: bool,

    /// She may ask for her next certificate herself: kubectl onboard renew --self
    #[arg(long)]
    self_renewal: bool,

    /// No namespace of her own: she works in those that she joins
    #[arg(long, requires = "joins", conflicts_with_all = ["role", "profile", "network"])]
    no_namespace: bool,
}

/// How she proves who she is.
#[derive(Args, Debug)]
#[command(next_help_heading = "Credential")]
struct CredentialArgs {
    /// Kind of credential; auto is a certificate, or a token where the cluster signs none
    #[arg(long, value_name = "KIND", value_enum, default_value = "auto")]
    auth: Auth,

    /// How long it lasts: 12h, 30d, 8w; the cluster may make it shorter
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration::positive)]
    expires: Span,

    /// Another group inside the certificate; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    #[command(flatten)]
    login: LoginArgs,

    /// Sign the request that she made with a key of her own: kubectl onboard request
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    csr_file: Option<PathBuf>,

    /// How long to wait for the signer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::positive)]
    timeout: Span,

    /// Where her kubeconfig goes [default: ./USER.kubeconfig], or with --csr-file her certificate
    /// [default: ./USER.crt]
    #[arg(short = 'O', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,

    /// API server address in her kubeconfig, where hers differs from yours [default: --server,
    /// else what the cluster publishes in kube-public/cluster-info, else yours]
    #[arg(long, value_name = "URL")]
    user_server: Option<String>,

    /// Replace her credential and the file; the old credential loses its rights
    #[arg(long)]
    force: bool,
}

/// What is done with her file once she can work.
#[derive(Args, Debug)]
#[command(next_help_heading = "As her, in the end")]
struct ExtrasArgs {
    /// Apply the manifests in this directory as her, then run its setup.sh with KUBECONFIG and
    /// NAMESPACE set
    #[arg(long, value_name = "DIR", conflicts_with = "csr_file", value_hint = clap::ValueHint::DirPath)]
    setup: Option<PathBuf>,

    /// Run a first pod of this image as her, wait until it runs, and remove it
    #[arg(long, value_name = "IMAGE", conflicts_with = "csr_file")]
    smoke: Option<String>,

    /// How long the first pod may take to run
    #[arg(long, value_name = "DURATION", default_value = "2m", requires = "smoke", value_parser = duration::positive)]
    smoke_timeout: Span,
}

impl IssueArgs {
    /// Checks everything that can be checked without the cluster.
    ///
    /// # Errors
    ///
    /// Usage, with what is wrong and its mend.
    pub fn resolve(self) -> Result<(Options, KubeArgs)> {
        let Self {
            who,
            person,
            access,
            credential,
            extras,
            write,
            output,
            globals: _,
            kube,
        } = self;
        let user = UserName::parse(&who.ok_or_else(nobody)?)?;
        let PersonArgs {
            team,
            contact,
            purpose,
        } = person;
        let AccessArgs {
            role,
            profile,
            network,
            joins,
            claims,
            self_renewal,
            no_namespace,
        } = access;
        let rights = [(claims, Extra::Claims), (self_renewal, Extra::Renewal)];
        let CredentialArgs {
            auth,
            expires,
            groups,
            login,
            csr_file,
            timeout,
            out,
            user_server,
            force,
        } = credential;
        let WriteArgs {
            dry_run,
            field_manager,
            force_conflicts,
            yes: _,
        } = write;
        check_expires(expires)?;
        check_joins(&joins)?;
        if auth == Auth::Token && !groups.is_empty() {
            return Err(
                Error::usage("--group needs a certificate: a token carries no groups")
                    .with_hint("leave --group out, or pass --auth cert"),
            );
        }
        let provider = login.resolve(auth, &user)?;
        if provider.is_some() && (csr_file.is_some() || !groups.is_empty()) {
            return Err(Error::usage(
                "with --auth oidc or exec nothing is issued here: --group and --csr-file need a certificate",
            ));
        }
        let key = key_source(csr_file.as_deref(), &user, auth, &groups)?;
        // A token would be a secret that is made here, which is what she wants to avoid.
        let auth = match key {
            KeySource::Here => auth,
            KeySource::Hers(_) => Auth::Cert,
        };
        let out = out.unwrap_or_else(|| match &key {
            KeySource::Here => kubeconfig::default_path(&user),
            KeySource::Hers(made) => request::file_name(&user, made.generation(), "crt").into(),
        });
        if let Some(name) = &kube.namespace
            && !identity::is_label(name)
        {
            return Err(Error::usage(format!("{name:?} cannot name a namespace"))
                .with_hint("lower-case letters, digits and -, at most 63 characters"));
        }
        if let Some(server) = &user_server {
            check_server(server)?;
        }
        let options = Options {
            namespace: kube.namespace.clone(),
            team,
            contact,
            purpose,
            role,
            profile: profile.as_deref().map(Profile::parse).transpose()?,
            network,
            groups: groups
                .iter()
                .map(|group| identity::parse_group(group))
                .collect::<Result<_>>()?,
            auth,
            expires: expires.0,
            timeout: timeout.0,
            key,
            provider,
            out,
            setup: extras.setup.as_deref().map(Setup::read).transpose()?,
            smoke: extras.smoke.map(|image| Smoke {
                image,
                timeout: extras.smoke_timeout.0,
            }),
            server: user_server.or_else(|| kube.server.clone()),
            force,
            no_namespace,
            joins,
            extras: rights
                .into_iter()
                .filter_map(|(asked, extra)| asked.then_some(extra))
                .collect(),
            dry_run,
            field_manager: crate::run::field_manager(field_manager),
            force_conflicts,
            output,
            ..Options::of(user)
        };
        Ok((options, kube))
    }
}

fn key_source(
    csr_file: Option<&Path>,
    user: &UserName,
    auth: Auth,
    groups: &[String],
) -> Result<KeySource> {
    let Some(path) = csr_file else {
        return Ok(KeySource::Here);
    };
    if auth == Auth::Token {
        return Err(
            Error::usage("--csr-file asks for a certificate, --auth token for none")
                .with_hint("leave --auth out"),
        );
    }
    if !groups.is_empty() {
        return Err(Error::usage(
            "--group cannot be added to a request that somebody else has signed",
        )
        .with_hint("leave --group out: her request can carry her own group alone"));
    }
    HerRequest::read(path, user).map(KeySource::Hers)
}

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

/// Reads `NAMESPACE` or `NAMESPACE:CLUSTERROLE`.
///
/// # Errors
///
/// What is wrong with it, for clap.
pub fn membership(text: &str) -> std::result::Result<Membership, String> {
    let (namespace, role) = text.split_once(':').unwrap_or((text, DEFAULT_ROLE));
    if !identity::is_label(namespace) {
        return Err(format!("{namespace:?} cannot name a namespace"));
    }
    if role.is_empty() || role.contains(['/', '%']) {
        return Err(format!("{role:?} cannot name a ClusterRole"));
    }
    Ok(Membership {
        namespace: namespace.to_owned(),
        role: role.to_owned(),
    })
}

fn check_joins(joins: &[Membership]) -> Result<()> {
    for (index, join) in joins.iter().enumerate() {
        if joins[..index]
            .iter()
            .any(|one| one.namespace == join.namespace)
        {
            return Err(Error::usage(format!(
                "--join names namespace {:?} twice: she has one role in each",
                join.namespace
            )));
        }
    }
    Ok(())
}

fn nobody() -> Error {
    Error::usage("whom to onboard is not stated")
        .with_hint("kubectl onboard alice --team payments")
        .with_hint("all there is to say:  kubectl onboard --help")
}

fn check_server(server: &str) -> Result<()> {
    let uri = server.parse::<http::Uri>().ok();
    let good = uri.is_some_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    if good {
        return Ok(());
    }
    Err(
        Error::usage(format!("{server:?} is not the address of an API server"))
            .with_hint("for example https://api.example.com:6443"),
    )
}
