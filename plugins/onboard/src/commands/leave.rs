//! `kubectl onboard leave`: takes away a role in a namespace of others.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{OutputArgs, WriteArgs};

use crate::cluster::people;
use crate::commands::answer::answer;
use crate::model::onboarding::options::{Options, Task, Way};
use crate::model::user::UserName;

/// Remove a user's role from another team's namespace
#[derive(Args, Debug)]
pub struct LeaveArgs {
    /// User who leaves
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    /// Namespace to leave
    #[arg(value_name = "NAMESPACE", add = complete::namespaces())]
    place: String,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Leaves.
///
/// # Errors
///
/// Why nothing was done.
pub async fn run(args: LeaveArgs, frame: &Frame) -> Result<Exit> {
    let (_ui, _interrupt) = (&frame.ui, &frame.interrupt);
    // A role after the name is no mistake: what was typed for `join` is taken for `leave`.
    let namespace = args.place.split(':').next().unwrap_or_default();
    if !groundcrew::tenancy::is_label(namespace) {
        return Err(
            Error::usage(format!("{namespace:?} is not a valid namespace name"))
                .with_hint("lower-case letters, digits and -, at most 63 characters"),
        );
    }
    let task = Task::Leave(namespace.to_owned());
    let options = Options {
        output: args.output,
        way: Way::of_nobody(),
        ..Options::of(UserName::parse(&args.who)?, task).written(&args.write)
    };
    answer(&options, frame).await
}
