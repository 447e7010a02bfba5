//! `break-glass`.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::flags::Common;
use crate::drive::session::read;
use crate::model::break_glass;

/// Print the kubectl commands that abort without this plugin
///
/// They are also in the record, a ConfigMap next to the Deployment.
#[derive(Args, Debug)]
pub struct BreakGlassArgs {
    #[command(flatten)]
    common: Common,
}

/// Prints them.
///
/// # Errors
///
/// What the server says; that there is no canary.
pub async fn run(args: BreakGlassArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let open = args.common.open(frame).await?;
    let (stored, _) = interrupt.guard(read(&open)).await?;
    let target = &open.target;
    ui.answer(break_glass::commands(
        &stored.record,
        &target.namespace,
        &target.name,
    ))?;
    Ok(Exit::Done)
}
