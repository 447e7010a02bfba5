//! `kubectl onboard list`: who has access, and until when.

pub mod decide;
pub mod render;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, duration};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::cluster::people;
use crate::model::product::product;

/// List who has access, soonest to expire first
///
/// With `--expiring`, lists only users whose access expires within that time, and the exit code
/// is 3 when there are any.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// List only users whose access expires within this time: 7d, 12h
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    expiring: Option<Span>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Lists.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: ListArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let ListArgs {
        expiring,
        output,
        globals: _,
        kube,
    } = args;
    let session = client::connect(&kube, &product(), ui).await?;
    let people = interrupt.guard(people::all(&session)).await?;
    for why in &people.unreadable {
        ui.warning(why);
    }
    let now = Timestamp::now();
    let list = decide::list(&people, expiring.map(|span| span.0), now);
    if list.rows.is_empty() {
        ui.status(if expiring.is_some() {
            "no access expires that soon."
        } else {
            "no users are onboarded."
        });
    }
    ui.answer(render::list(&list, &output, now)?)?;
    session.finish()?;
    Ok(list.exit(expiring.is_some()))
}
