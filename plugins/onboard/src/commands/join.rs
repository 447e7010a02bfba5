//! `kubectl onboard join` and `leave`: a role in a namespace that is not hers.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;

use super::issue::membership;
use crate::identity::{self, UserName};
use crate::options::{Mode, Options};
use crate::people;
use crate::record::Membership;

/// Give her a role in a namespace of others
///
/// Makes one RoleBinding there, for the generations that she holds, and touches nothing else. It
/// is carried over when she renews and ends when she is offboarded.
#[derive(Args, Debug)]
pub struct JoinArgs {
    /// Who joins
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    /// What she joins, and as what [default role: edit]; another role replaces the one she has
    #[arg(value_name = "NAMESPACE[:CLUSTERROLE]", value_parser = membership, add = complete::namespaces())]
    place: Membership,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Take away her role in a namespace of others
#[derive(Args, Debug)]
pub struct LeaveArgs {
    /// Who leaves
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    /// What she leaves
    #[arg(value_name = "NAMESPACE", add = complete::namespaces())]
    place: String,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Joins.
///
/// # Errors
///
/// Why nothing was done.
pub async fn join(args: JoinArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let options = Options {
        joins: vec![args.place],
        ..options(&args.who, args.write, args.output)?
    };
    crate::run::run(&options, &args.kube, ui, interrupt).await
}

/// Leaves.
///
/// # Errors
///
/// Why nothing was done.
pub async fn leave(args: LeaveArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    // A role after the name is no mistake: what was typed for `join` is taken for `leave`.
    let namespace = args.place.split(':').next().unwrap_or_default();
    if !identity::is_label(namespace) {
        return Err(
            Error::usage(format!("{namespace:?} cannot name a namespace"))
                .with_hint("lower-case letters, digits and -, at most 63 characters"),
        );
    }
    let options = Options {
        leaves: vec![namespace.to_owned()],
        ..options(&args.who, args.write, args.output)?
    };
    crate::run::run(&options, &args.kube, ui, interrupt).await
}

fn options(who: &str, write: WriteArgs, output: OutputArgs) -> Result<Options> {
    let WriteArgs {
        dry_run,
        field_manager,
        force_conflicts,
        yes: _,
    } = write;
    Ok(Options {
        mode: Mode::Keep,
        dry_run,
        field_manager: crate::run::field_manager(field_manager),
        force_conflicts,
        output,
        ..Options::of(UserName::parse(who)?)
    })
}
