//! `kubectl onboard USER`: its flags, and what they mean together.

use std::path::{Path, PathBuf};

use clap::Args;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::flags::duration::Span;
use groundcrew::flags::{KubeArgs, OutputArgs, WriteArgs, duration};
use groundcrew::tenancy::{Network, Profile};

use crate::cluster::people;
use crate::commands::issue::as_user::AsUser;
use crate::commands::issue::login::LoginArgs;
use crate::commands::issue::setup::read;
use crate::commands::issue::smoke::Smoke;
use crate::model::auth::Auth;
use crate::model::login::Provider;
use crate::model::onboarding::options::{
    About, Credential, Home, Options, Own, Proxy, Task, Way, Wish, check_expires, check_max_expires,
};
use crate::model::settings::{Extra, Membership, membership};
use crate::model::signing_request::SigningRequest;
use crate::model::user::UserName;
use crate::model::{kubeconfig, signing_request, user, way};

/// `kubectl onboard USER`.
#[derive(Args, Debug)]
pub struct IssueArgs {
    /// User name: alice, alice@example.com; letters, digits and . _ @ - +
    #[arg(id = "who", value_name = "USER", add = people::names())]
    pub who: Option<String>,

    #[command(flatten)]
    pub person: PersonArgs,

    #[command(flatten)]
    pub access: AccessArgs,

    #[command(flatten)]
    credential: CredentialArgs,

    #[command(flatten)]
    as_user: AsUserArgs,

    #[command(flatten)]
    pub write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// What people should know of the namespace.
#[derive(Args, Debug)]
pub struct PersonArgs {
    /// Team, kept as an annotation
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,

    /// Contact for the namespace, kept as an annotation
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,

    /// Purpose of the namespace, kept as an annotation
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
}

/// What the user may do and use.
#[derive(Args, Debug)]
pub struct AccessArgs {
    /// ClusterRole to grant in the namespace [default: edit]
    #[arg(long, value_name = "CLUSTERROLE", add = complete::cluster_roles())]
    pub role: Option<String>,

    /// Limits: small, medium, large, none, or a YAML file [default: small]
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<String>,

    /// Traffic [default: isolated]
    #[arg(long, value_name = "POLICY", value_enum, hide_possible_values = true)]
    network: Option<Network>,

    /// Also grant a role in another team's namespace [default role: edit]
    #[arg(long = "join", value_name = "NAMESPACE[:ROLE]", value_parser = membership)]
    joins: Vec<Membership>,

    /// Allow the user to claim namespaces with kubectl ns-claim
    #[arg(long)]
    claims: bool,

    /// Allow the user to request certificates with renew --self
    #[arg(long)]
    self_renewal: bool,

    /// Create no namespace, and use only those given with --join
    #[arg(long, requires = "joins", conflicts_with_all = ["role", "profile", "network"])]
    pub no_namespace: bool,
}

/// How the user proves their identity.
#[derive(Args, Debug)]
pub struct CredentialArgs {
    /// Credential: auto, cert, token, oidc or exec
    #[arg(
        long,
        value_name = "KIND",
        value_enum,
        default_value = "auto",
        hide_possible_values = true
    )]
    auth: Auth,

    /// Requested lifetime, such as 12h or 8w
    #[arg(long, alias = "ttl", value_name = "DURATION", default_value = "30d", value_parser = duration::positive)]
    expires: Span,

    /// Refuse a credential that lasts longer than this
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    max_expires: Option<Span>,

    /// Additional group in the certificate; repeatable
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,

    #[command(flatten)]
    login: LoginArgs,

    /// Sign the certificate request that the user made
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    csr_file: Option<PathBuf>,

    /// How long to wait for the signer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::positive)]
    timeout: Span,

    /// Output file [default: ./USER.kubeconfig or ./USER.crt]
    #[arg(short = 'O', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,

    /// API server address for the user [default: the cluster's public one]
    #[arg(long, value_name = "URL")]
    user_server: Option<String>,

    /// Proxy for the user, or none [default: yours, without a password]
    #[arg(long, value_name = "URL")]
    user_proxy: Option<Proxy>,

    /// Replace and revoke the current credential, and replace the file
    #[arg(long)]
    force: bool,
}

/// What is done with the user's file once it works.
#[derive(Args, Debug)]
pub struct AsUserArgs {
    /// Apply the manifests in DIR and run its setup.sh as the user
    #[arg(long, value_name = "DIR", conflicts_with = "csr_file", value_hint = clap::ValueHint::DirPath)]
    setup: Option<PathBuf>,

    /// Run a first pod as the user, and remove it
    #[arg(long, value_name = "IMAGE", conflicts_with = "csr_file")]
    smoke: Option<String>,

    /// How long the first pod may take to run
    #[arg(long, value_name = "DURATION", default_value = "2m", hide = true, requires = "smoke", value_parser = duration::positive)]
    smoke_timeout: Span,
}

impl IssueArgs {
    /// Checks everything that can be checked without the cluster.
    ///
    /// # Errors
    ///
    /// Usage, with what is wrong and the fix.
    pub fn resolve(self, kube: &KubeArgs) -> Result<(Options, AsUser)> {
        let Self {
            who,
            person,
            access,
            credential,
            as_user,
            write,
            output,
        } = self;
        let who = who.ok_or_else(nobody)?;
        // The long form is how a name that looks like a command is written.
        let user = UserName::parse(who.strip_prefix("user/").unwrap_or(&who))?;
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
            max_expires,
            groups,
            login,
            csr_file,
            timeout,
            out,
            user_server,
            user_proxy,
            force,
        } = credential;
        check_expires(expires)?;
        let max_expires = check_max_expires(max_expires, expires)?;
        check_joins(&joins)?;
        let provider = login.resolve(auth, &user)?;
        let credential = wanted(auth, provider, &groups, csr_file.as_deref(), &user)?;
        let out = out.unwrap_or_else(|| match &credential {
            Credential::External(made) => {
                signing_request::file_name(&user, made.generation(), "crt").into()
            }
            _ => kubeconfig::default_path(&user),
        });
        if let Some(name) = &kube.namespace
            && !groundcrew::tenancy::is_label(name)
        {
            return Err(
                Error::usage(format!("{name:?} is not a valid namespace name"))
                    .with_hint("lower-case letters, digits and -, at most 63 characters"),
            );
        }
        if let Some(server) = &user_server {
            check_server(server)?;
        }
        let home = if no_namespace {
            Home::None
        } else {
            Home::Own(Own {
                namespace: kube.namespace.clone(),
                role,
                profile: profile.as_deref().map(Profile::parse).transpose()?,
                network,
            })
        };
        let wish = Wish {
            about: About {
                team,
                contact,
                purpose,
                declared_by: None,
            },
            home,
            joins,
            wide: rights
                .into_iter()
                .filter_map(|(asked, extra)| asked.then_some(extra))
                .collect(),
            credential,
            expires: expires.0,
            force,
        };
        let options = Options {
            timeout: timeout.0,
            max_expires,
            out,
            way: Way {
                server: user_server.or_else(|| kube.server.clone()),
                proxy: user_proxy,
            },
            output,
            ..Options::of(user, Task::Issue(Box::new(wish))).written(&write)
        };
        let as_user = AsUser {
            setup: as_user.setup.as_deref().map(read::directory).transpose()?,
            smoke: as_user.smoke.map(|image| Smoke {
                image,
                timeout: as_user.smoke_timeout.0,
            }),
        };
        Ok((options, as_user))
    }
}

/// Puts together which credential is asked for.
fn wanted(
    auth: Auth,
    provider: Option<Provider>,
    groups: &[String],
    csr_file: Option<&Path>,
    user: &UserName,
) -> Result<Credential> {
    if let Some(provider) = provider {
        if csr_file.is_some() || !groups.is_empty() {
            return Err(Error::usage(
                "--group and --csr-file need a certificate; --auth oidc and exec issue none",
            ));
        }
        return Ok(Credential::Login(provider));
    }
    if auth == Auth::Token && !groups.is_empty() {
        return Err(
            Error::usage("--group needs a certificate: a token carries no groups")
                .with_hint("omit --group, or pass --auth cert"),
        );
    }
    if let Some(path) = csr_file {
        return external(path, auth, groups, user);
    }
    let groups = groups
        .iter()
        .map(|group| user::parse_group(group))
        .collect::<Result<_>>()?;
    Ok(match auth {
        Auth::Token => Credential::Token,
        Auth::Cert => Credential::Certificate { groups },
        Auth::Auto | Auth::Oidc | Auth::Exec => Credential::Auto { groups },
    })
}

/// Reads the request for a key that the user keeps. A token would be a secret that is made here,
/// which is what they want to avoid.
fn external(path: &Path, auth: Auth, groups: &[String], user: &UserName) -> Result<Credential> {
    if auth == Auth::Token {
        return Err(
            Error::usage("--csr-file asks for a certificate, --auth token for a token")
                .with_hint("omit --auth"),
        );
    }
    if !groups.is_empty() {
        return Err(
            Error::usage("--group cannot be added to a request that the user has signed")
                .with_hint("omit --group: the request can carry only the user's own group"),
        );
    }
    SigningRequest::read(path, user).map(Credential::External)
}

fn check_joins(joins: &[Membership]) -> Result<()> {
    for (index, join) in joins.iter().enumerate() {
        if joins[..index]
            .iter()
            .any(|one| one.namespace == join.namespace)
        {
            return Err(Error::usage(format!(
                "--join names namespace {:?} twice: a user has one role in each",
                join.namespace
            )));
        }
    }
    Ok(())
}

fn nobody() -> Error {
    Error::usage("USER is required")
        .with_hint("kubectl onboard alice --team payments")
        .with_hint("all options:  kubectl onboard --help")
}

fn check_server(server: &str) -> Result<()> {
    way::server(server).map(drop).map_err(|why| {
        Error::usage(format!("--user-server: {why}"))
            .with_hint("for example https://api.example.com:6443")
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;

    use super::*;

    /// The arguments alone, as the command line flattens them.
    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        issue: IssueArgs,
        #[command(flatten)]
        kube: KubeArgs,
    }

    fn resolve(line: &str) -> Result<Options> {
        let words = std::iter::once("kubectl-onboard").chain(line.split_whitespace());
        let typed =
            Typed::try_parse_from(words).map_err(|error| Error::usage(error.to_string()))?;
        typed.issue.resolve(&typed.kube).map(|(options, _)| options)
    }

    #[test]
    fn what_is_not_stated_stays_open_for_the_record() {
        let options = resolve("alice").unwrap();
        let own = options.own().unwrap();
        assert_eq!(
            (&own.role, own.network, &own.namespace),
            (&None, None, &None)
        );
        assert_eq!(options.out, PathBuf::from("alice.kubeconfig"));
        assert_eq!(options.expires(), Duration::from_secs(30 * 24 * 3600));
    }

    #[test]
    fn what_cannot_work_is_refused_before_any_request() {
        for line in [
            "system:admin",
            "alice --expires 5m",
            "alice --expires 100000d",
            "alice --group system:masters",
            "alice --group a --auth token",
            "alice --user-server ftp://x",
            "alice --user-server 10.0.0.1",
            "alice --user-server https://ops:s3cret@api.example",
            "alice -n Not_A_Label",
            "alice --profile does-not-exist.yaml",
        ] {
            let error = resolve(line).unwrap_err();
            assert_eq!(
                error.kind(),
                groundcrew::error::Kind::Usage,
                "{line}: {error}"
            );
        }
    }
}
