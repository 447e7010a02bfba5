//! `kubectl onboard join`: gives a role in a namespace of others.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::complete;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;

use crate::cluster::people;
use crate::commands::answer::answer;
use crate::model::onboarding::options::{Options, Task};
use crate::model::settings::{Membership, membership};
use crate::model::user::UserName;

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

/// Joins.
///
/// # Errors
///
/// Why nothing was done.
pub async fn run(args: JoinArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let task = Task::Join(args.place);
    let options = Options {
        output: args.output,
        ..Options::of(UserName::parse(&args.who)?, task).written(&args.write)
    };
    answer(&options, &args.kube, ui, interrupt).await
}
