//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use groundcrew::app::{Interrupt, Plugin};
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;

use crate::doctor;
use crate::identity::{self, UserName};
use crate::kubeconfig;
use crate::list;
use crate::options::{Auth, Network, Options};
use crate::people;
use crate::profile::Profile;
use crate::status;
use crate::verify;

/// Shortest lifetime that the API server accepts.
const MIN_EXPIRES: Duration = Duration::from_secs(600);
/// Longest lifetime that fits `spec.expirationSeconds`, an int32.
const MAX_EXPIRES: Duration = Duration::from_secs(i32::MAX as u64);

/// Give a colleague a namespace, rights, limits and a kubeconfig that works
///
/// Makes a namespace that is hers, limits what it may use, cuts it off from others, gives her
/// rights in it, issues a credential, and proves with her own file that she can work and can do
/// nothing elsewhere. Running it again changes nothing that is as it should be; a run that was
/// interrupted goes on where it stopped.
///
/// Rights are bound to a group inside the certificate, never to the user name: taking the binding
/// away makes the certificate useless.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    issue: IssueArgs,
}

/// What there is besides onboarding itself; one folder each.
#[derive(Debug, Subcommand)]
enum Command {
    Doctor(doctor::DoctorArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Verify(verify::VerifyArgs),
}

/// `kubectl onboard USER`.
#[derive(Args, Debug)]
struct IssueArgs {
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
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    globals: Globals,

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

    /// How long to wait for the signer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::positive)]
    timeout: Span,

    /// Where her kubeconfig goes [default: ./USER.kubeconfig]
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

const EXAMPLES: &str = "\
Examples:
  kubectl onboard alice --team payments
  kubectl onboard alice@example.com -n web-alice --role view --profile none
  kubectl onboard alice --auth token --expires 12h
  kubectl onboard alice --dry-run=client

Exit codes:
  0 done   1 failed   2 usage, nothing done   3 done, but a check failed
  4 done, but not all could be tried   5 somebody else holds or changed it
  124 the signer did not answer, state is safe   130 interrupted, state is safe";

impl IssueArgs {
    /// Checks everything that can be checked without the cluster.
    fn resolve(self) -> Result<(Options, KubeArgs)> {
        let Self {
            who,
            person,
            access,
            credential,
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
        } = access;
        let CredentialArgs {
            auth,
            expires,
            groups,
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
        if !(MIN_EXPIRES..=MAX_EXPIRES).contains(&expires.0) {
            return Err(Error::usage(format!("--expires {expires} is out of range"))
                .with_hint("the API server accepts 10m to 24855d; 30d is a good start"));
        }
        if auth == Auth::Token && !groups.is_empty() {
            return Err(
                Error::usage("--group needs a certificate: a token carries no groups")
                    .with_hint("leave --group out, or pass --auth cert"),
            );
        }
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
            out: out.unwrap_or_else(|| kubeconfig::default_path(&user)),
            server: user_server.or_else(|| kube.server.clone()),
            force,
            dry_run,
            field_manager: field_manager.unwrap_or_else(|| "kubectl-onboard".to_owned()),
            force_conflicts,
            output,
            user,
        };
        Ok((options, kube))
    }
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

impl Plugin for Cli {
    const NAME: &'static str = "onboard";

    fn globals(&self) -> &Globals {
        match &self.command {
            Some(Command::Doctor(args)) => &args.globals,
            Some(Command::List(args)) => &args.globals,
            Some(Command::Status(args)) => &args.globals,
            Some(Command::Verify(args)) => &args.globals,
            None => &self.issue.globals,
        }
    }

    async fn run(self, ui: Ui, interrupt: Interrupt) -> Result<Exit> {
        match self.command {
            Some(Command::Doctor(args)) => doctor::run(args, &ui, &interrupt).await,
            Some(Command::List(args)) => list::run(args, &ui, &interrupt).await,
            Some(Command::Status(args)) => status::run(args, &ui, &interrupt).await,
            Some(Command::Verify(args)) => verify::run(args, &ui, &interrupt).await,
            None => {
                let (options, kube) = self.issue.resolve()?;
                crate::run::run(&options, &kube, &ui, &interrupt).await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(line: &str) -> Result<Options> {
        let words = std::iter::once("kubectl-onboard").chain(line.split_whitespace());
        Cli::try_parse_from(words)
            .map_err(|error| Error::usage(error.to_string()))?
            .issue
            .resolve()
            .map(|(options, _)| options)
    }

    #[test]
    fn what_is_not_stated_stays_open_for_the_record() {
        let options = resolve("alice").unwrap();
        assert_eq!(
            (options.role, options.network, options.namespace),
            (None, None, None)
        );
        assert_eq!(options.out, PathBuf::from("alice.kubeconfig"));
        assert_eq!(options.expires, Duration::from_secs(30 * 24 * 3600));
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

    /// Flags are a contract with scripts and fingers: a change here has to be meant.
    #[test]
    fn the_manual_is_what_was_reviewed() {
        let mut command = groundcrew::app::command::<Cli>().term_width(100);
        insta::assert_snapshot!(command.render_long_help().to_string());
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
