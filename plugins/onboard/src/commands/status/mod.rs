//! `kubectl onboard status`: how soon somebody had a pod running, and what stands in her way now.

pub mod judge;
pub mod observe;
pub mod obstacle;
pub mod quantity;
pub mod render;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::cluster::people;
use crate::model::product::product;
use crate::model::record;
use crate::model::user::UserName;

/// Show how soon somebody had a pod running, and what stands in her way now
///
/// FIRST POD RUNNING counts from the issue of her first credential. It is read from the pods that
/// are still there: earlier ones may be gone, so it is the latest that it can have been.
///
/// In the way are: a quota that is used up, pods that a quota, a limit range, pod security or
/// another admission check refuses, images that cannot be pulled, containers that crash or cannot
/// be made, pods that no node takes, and a credential that has ended.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// A person on record
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard status alice
  kubectl onboard status alice -o json

Exit codes:
  0 nothing stands in her way   1 failed   2 usage
  3 something stands in her way   4 not everything could be seen";

/// Shows the status.
///
/// # Errors
///
/// What the server says about her record; anything else that cannot be read is named and leaves
/// the answer open.
pub async fn run(args: StatusArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let StatusArgs {
        who,
        output,
        globals: _,
        kube,
    } = args;
    let user = UserName::parse(&who)?;
    let session = client::connect(&kube, &product(), ui).await?;
    let found = interrupt.guard(observe::observe(&session, &user)).await?;
    let found = found.ok_or_else(|| record::unknown(&user))?;
    let now = Timestamp::now();
    let status = judge::status(&user, &found, now);
    for why in &status.unseen {
        ui.warning(format_args!("could not see: {why}"));
    }
    if let Some(remark) = status.remark() {
        ui.status(remark);
    }
    ui.answer(render::status(&status, &output, now)?)?;
    session.finish()?;
    Ok(status.exit())
}
