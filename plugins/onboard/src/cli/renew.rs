//! `kubectl onboard renew USER`: the next credential, while the one before still works.

use std::path::PathBuf;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;

use super::issue::check_expires;
use crate::identity::UserName;
use crate::options::{Mode, Options};
use crate::people;
use crate::team;

/// Issue the next credential; the one before goes on working for a while
///
/// Both generations hold the rights until `--grace` is over. The end of the grace is kept on
/// record and carried out by the first run of `kubectl onboard` for her after it, or for everybody
/// by `kubectl onboard renew --due`, which suits a cron job.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct RenewArgs {
    /// Whose credential
    #[arg(
        id = "who",
        value_name = "USER",
        required_unless_present = "due",
        conflicts_with = "due",
        add = people::names()
    )]
    who: Option<String>,

    /// How long the credential before goes on working; 0 ends it as soon as the new one is proved
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = grace)]
    grace: Span,

    /// Issue nothing, and end the credentials of everybody whose grace is over
    #[arg(long)]
    due: bool,

    /// How long the new one lasts: 12h, 30d, 8w; the cluster may make it shorter
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration::positive)]
    expires: Span,

    /// How long to wait for the signer
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::positive)]
    timeout: Span,

    /// Where her kubeconfig goes; hers is replaced there [default: ./USER.kubeconfig]
    #[arg(short = 'O', long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard renew alice
  kubectl onboard renew alice --grace 0
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
pub async fn run(args: RenewArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let Some(who) = args.who else {
        return team::retire(&args.write, &args.kube, &args.output, ui, interrupt).await;
    };
    let WriteArgs {
        dry_run,
        field_manager,
        force_conflicts,
        yes: _,
    } = args.write;
    check_expires(args.expires)?;
    let defaults = Options::of(UserName::parse(&who)?);
    let options = Options {
        mode: Mode::Renew {
            grace: args.grace.0,
        },
        expires: args.expires.0,
        timeout: args.timeout.0,
        out: args.out.unwrap_or_else(|| defaults.out.clone()),
        server: args.kube.server.clone(),
        dry_run,
        field_manager: crate::run::field_manager(field_manager),
        force_conflicts,
        output: args.output,
        ..defaults
    };
    crate::run::run(&options, &args.kube, ui, interrupt).await
}
