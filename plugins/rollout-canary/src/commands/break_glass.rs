//! `break-glass`.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::ui::Ui;

use crate::commands::flags::Common;
use crate::drive::session::{open, read};
use crate::model::break_glass;

/// Print the kubectl commands that abort, for people without this plugin
///
/// They are also kept in the record, a ConfigMap beside the Deployment.
#[derive(Args, Debug)]
pub struct BreakGlassArgs {
    #[command(flatten)]
    pub common: Common,
}

/// Prints them.
///
/// # Errors
///
/// What the server says; that there is no canary.
pub async fn run(args: BreakGlassArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let (stored, _) = interrupt.guard(read(&open)).await?;
    let target = &open.target;
    ui.answer(break_glass::commands(
        &stored.record,
        &target.namespace,
        &target.name,
    ))?;
    Ok(Exit::Done)
}
