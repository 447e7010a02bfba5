//! `kubectl onboard join`: gives a role in a namespace of others.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::complete;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{OutputArgs, WriteArgs};

use crate::cluster::people;
use crate::commands::answer::answer;
use crate::model::onboarding::options::{Options, Task};
use crate::model::settings::{Membership, membership};
use crate::model::user::UserName;

/// Grant a user a role in another team's namespace
///
/// Creates one RoleBinding there for the user's active credentials, and touches nothing else. The
/// role is kept when the user renews and removed when the user is offboarded.
#[derive(Args, Debug)]
pub struct JoinArgs {
    /// User who joins
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    /// Namespace to join and role in it [default role: edit]; replaces the user's current role there
    #[arg(value_name = "NAMESPACE[:CLUSTERROLE]", value_parser = membership, add = complete::namespaces())]
    place: Membership,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Joins.
///
/// # Errors
///
/// Why nothing was done.
pub async fn run(args: JoinArgs, frame: &Frame) -> Result<Exit> {
    let (_ui, _interrupt) = (&frame.ui, &frame.interrupt);
    let task = Task::Join(args.place);
    let options = Options {
        output: args.output,
        ..Options::of(UserName::parse(&args.who)?, task).written(&args.write)
    };
    answer(&options, frame).await
}
