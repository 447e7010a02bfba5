//! `kubectl onboard renew USER`: the next credential, while the one before still works.

pub mod approve;
pub mod by_user;
pub mod due;

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{OutputArgs, WriteArgs, duration};

use crate::cluster::people;
use crate::commands::answer::answer;
use crate::commands::renew::approve::asked;
use crate::commands::renew::by_user::Ask;
use crate::model::onboarding::options::{
    Approval, Options, Proxy, Renewal, Task, Way, check_expires, check_max_expires,
};
use crate::model::user::UserName;
use crate::model::{kubeconfig, signing_request, way};

/// Issue a new credential; the old one keeps working for a grace period
///
/// Both credentials hold the rights until `--grace` is over. The end of the grace period is kept on
/// record. The next run of `kubectl onboard` for the user carries it out, or `kubectl onboard renew
/// --due` for everyone, for example from a cron job.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RenewArgs {
    /// User whose credential to renew
    #[arg(
        id = "who",
        value_name = "USER",
        required_unless_present_any = ["due", "by_user"],
        conflicts_with = "by_user",
        add = people::names()
    )]
    who: Option<String>,

    /// How long the old credential keeps working; 0 revokes it once the new one is verified
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = grace)]
    grace: Span,

    /// Only revoke credentials whose grace period is over: of USER, or of everyone
    #[arg(long)]
    due: bool,

    /// Request your own next certificate with your current kubeconfig, and wait for an admin's
    /// approval; needs onboarding with --self-renewal
    #[arg(long = "self", id = "by_user", conflicts_with_all = ["due", "approve", "grace"])]
    by_user: bool,

    /// With --self: generation to request, if an admin told you another one than the next
    #[arg(long, value_name = "N", requires = "by_user", value_parser = clap::value_parser!(u32).range(1..))]
    generation: Option<u32>,

    /// Approve the renewal that the user requested with --self; the key stays with the user
    #[arg(long, conflicts_with = "due")]
    approve: bool,

    /// Requested lifetime: 12h, 30d, 8w; the cluster may shorten it
    #[arg(long, alias = "ttl", value_name = "DURATION", default_value = "30d", value_parser = duration::positive)]
    expires: Span,

    /// Refuse a credential that lasts longer than this
    #[arg(long, value_name = "DURATION", value_parser = duration::positive, conflicts_with_all = ["by_user", "due"])]
    max_expires: Option<Span>,

    /// How long to wait for the signer, or with --self for the admin
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::positive)]
    timeout: Span,

    /// Output file; an existing kubeconfig of the user is replaced [default: ./USER.kubeconfig]
    #[arg(short = 'O', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,

    /// API server address for the user [default: the cluster's public one]
    #[arg(long, value_name = "URL", value_parser = way::server, conflicts_with_all = ["by_user", "due"])]
    user_server: Option<String>,

    /// Proxy for the user, or none [default: the one in your kubeconfig, without a password]
    #[arg(long, value_name = "URL", conflicts_with_all = ["by_user", "due"])]
    user_proxy: Option<Proxy>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard renew alice
  kubectl onboard renew alice --grace 0
  kubectl onboard renew --self                    # alice, with the current kubeconfig
  kubectl onboard renew alice --approve           # the admin
  kubectl onboard renew --due";

/// Reads a duration that may be zero.
fn grace(text: &str) -> std::result::Result<Span, String> {
    if text == "0" {
        Ok(Span(std::time::Duration::ZERO))
    } else {
        duration::positive(text)
    }
}

/// Renews.
///
/// # Errors
///
/// Why nothing, or not everything, was done.
pub async fn run(args: RenewArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    if args.by_user {
        let session = interrupt.guard(frame.connect()).await?;
        check_expires(args.expires)?;
        let ask = Ask {
            session: &session,
            generation: args.generation,
            expires: args.expires.0,
            timeout: args.timeout.0,
            out: args.out,
            ui,
            interrupt,
        };
        return interrupt.guard(ask.run()).await;
    }
    if args.due {
        let who = args.who.as_deref().map(UserName::parse).transpose()?;
        let (write, output) = (&args.write, &args.output);
        return due::retire(who.as_ref(), write, output, frame).await;
    }
    let Some(who) = args.who else {
        return Err(Error::usage("USER is required"));
    };
    check_expires(args.expires)?;
    let max_expires = check_max_expires(args.max_expires, args.expires)?;
    let user = UserName::parse(&who)?;
    let asked = if args.approve {
        if args.grace.0 < by_user::SHORTEST_GRACE {
            let shortest = Span(by_user::SHORTEST_GRACE);
            return Err(Error::usage(format!(
                "--grace {} is too short: the user fetches the new certificate with the old one",
                args.grace
            ))
            .with_hint(format!("at least {shortest}")));
        }
        let session = interrupt.guard(frame.connect()).await?;
        Some(interrupt.guard(asked(&session, &user)).await?)
    } else {
        None
    };
    let renewal = Renewal {
        grace: args.grace.0,
        expires: args.expires.0,
    };
    let (task, out) = match asked {
        Some((object, request)) => {
            let file = signing_request::file_name(&user, request.generation(), "crt");
            let approval = Approval {
                renewal,
                request,
                object,
            };
            (Task::Approve(Box::new(approval)), file.into())
        }
        None => (Task::Renew(renewal), kubeconfig::default_path(&user)),
    };
    let options = Options {
        timeout: args.timeout.0,
        max_expires,
        out: args.out.unwrap_or(out),
        way: Way {
            server: args.user_server.or_else(|| frame.kube.server.clone()),
            proxy: args.user_proxy,
        },
        output: args.output,
        ..Options::of(user, task).written(&args.write)
    };
    answer(&options, frame).await
}
