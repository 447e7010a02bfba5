//! `kubectl onboard join`: gives a role in a namespace of others.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::complete;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{OutputArgs, WriteArgs};

use crate::cluster::people;
use crate::commands::answer::answer;
use crate::model::onboarding::options::{Options, Task, Way};
use crate::model::settings::{DEFAULT_ROLE, Membership, membership};
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

    /// Role in the namespace, as after the colon
    #[arg(long, value_name = "CLUSTERROLE", add = complete::cluster_roles())]
    role: Option<String>,

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
    let place = placed(args.place, args.role.as_deref())?;
    let task = Task::Join(place);
    let options = Options {
        output: args.output,
        way: Way::of_nobody(),
        ..Options::of(UserName::parse(&args.who)?, task).written(&args.write)
    };
    answer(&options, frame).await
}

/// Returns the membership with the role of `--role`.
fn placed(place: Membership, role: Option<&str>) -> Result<Membership> {
    let Some(role) = role else { return Ok(place) };
    let wrong = |why: String| Error::usage(format!("--role: {why}"));
    let named = membership(&format!("{}:{role}", place.namespace)).map_err(wrong)?;
    if place.role != DEFAULT_ROLE && place.role != named.role {
        return Err(
            wrong(format!("the namespace already says role {:?}", place.role))
                .with_hint("name the role once"),
        );
    }
    Ok(named)
}
