//! `kubectl onboard list`: who has access, and until when.

pub mod decide;
pub mod render;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::clock;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{OutputArgs, duration};
use groundcrew::plural::count;

use crate::cluster::people;

/// List who has access, soonest to expire first
///
/// With `--expiring`, lists only users whose access expires within that time, and the exit code
/// is 3 when there are any.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// List only users whose access expires within this time: 7d, 12h
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    expiring: Option<Span>,

    /// List only users of this team
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,

    /// Also list users who were offboarded
    #[arg(long)]
    former: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// Lists.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: ListArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let ListArgs {
        expiring,
        team,
        former,
        output,
    } = args;
    let session = frame.connect().await?;
    let looking = futures::future::try_join(people::all(&session), clock::read(&session));
    let (mut people, clock) = interrupt.guard(looking).await?;
    if team.is_some() {
        people
            .known
            .retain(|(record, _)| record.settings.team == team);
    }
    for why in &people.unreadable {
        ui.warning(why);
    }
    let now = clock.now();
    let list = decide::list(&people, expiring.map(|span| span.0), former, now);
    if list.rows.is_empty() {
        ui.status(if expiring.is_some() {
            "no access expires that soon."
        } else {
            "no users are onboarded."
        });
    }
    ui.answer(render::list(&list, &output, now)?)?;
    if list.hidden > 0 && expiring.is_none() {
        let word = count(list.hidden, "former user");
        ui.status(format_args!("{word} not shown; --former shows all."));
    }
    session.finish()?;
    Ok(list.exit(expiring.is_some()))
}
