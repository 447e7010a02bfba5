//! `kubectl ns-claim get`: everything about one claim.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;
use groundcrew::flags::duration::Span;
use groundcrew::flags::moment::shown;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::answer::document;
use crate::cluster::claims::{self, Look};
use crate::model::view::{View, between};

/// Show one claim
///
/// Without NAME, the current namespace is used if it is your claim.
#[derive(Args, Debug)]
pub struct GetArgs {
    /// Name of the claim [default: the current namespace, if it is yours]
    #[arg(value_name = "NAME", add = claims::names())]
    name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Shows.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: GetArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    let (session, look) = claims::open(frame, args.name.as_deref()).await?;
    let Look {
        claim,
        settings,
        clock,
    } = look;
    let now = clock.now();
    let view = View::of(&claim, &settings, now);
    let text = match document(&view, &args.output)? {
        Some(text) => text,
        None => sheet(&view, now, &TimeZone::system()),
    };
    ui.answer(text)?;
    session.finish()?;
    Ok(Exit::Done)
}

fn sheet(view: &View, now: Timestamp, zone: &TimeZone) -> String {
    let moment = |moment: Option<Timestamp>| moment.map(|moment| shown(moment, zone));
    let left = |end: Option<Timestamp>| {
        end.map(|end| format!("{}   in {}", shown(end, zone), Span(between(now, end))))
    };
    let unreadable = view
        .expires_at
        .as_ref()
        .filter(|_| view.ends_at.is_none() && view.protected_by.is_none());
    let rows = [
        ("Name", Some(view.name.clone())),
        ("Owner", view.owner.clone()),
        ("Team", view.team.clone()),
        ("Purpose", view.purpose.clone()),
        ("Contact", view.contact.clone()),
        ("State", Some(view.state_cell(now))),
        ("Claimed", moment(view.created_at)),
        ("Expires", left(view.ends_at)),
        (
            "Expiry annotation",
            unreadable.map(|text| format!("{text:?} is not a time, so the claim is kept")),
        ),
        ("Max end", left(view.can_reach)),
        ("Warned", moment(view.warned_at)),
        ("Protected by", view.protected_by.clone()),
        (
            "Deletion blocked by",
            Some(view.blockers.join("; ")).filter(|text| !text.is_empty()),
        ),
    ];
    rows.into_iter()
        .filter_map(|(key, value)| Some(format!("{:<20}{}\n", format!("{key}:"), value?)))
        .collect()
}
