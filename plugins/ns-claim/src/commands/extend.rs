//! `kubectl ns-claim extend`: a later end, as a compare-and-set.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::moment::{Moment, shown};
use groundcrew::flags::{OutputArgs, WriteArgs};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::answer::{document, until};
use crate::cluster::claims::{self, Look};
use crate::model::claim::Claim;
use crate::model::note::Note;
use crate::model::settings::Settings;
use crate::model::view::{View, between};

/// Extend a claim
///
/// The expiry moves only if nobody changed the claim in the meantime: the reaper never overtakes
/// an extend that returned 0. Without NAME, the current namespace is used if it is your claim.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("end").args(["more", "by", "until"])))]
pub struct ExtendArgs {
    /// Name of the claim [default: the current namespace, if it is yours]
    #[arg(value_name = "NAME", add = claims::names())]
    name: Option<String>,

    /// How much longer, as --by
    #[arg(value_name = "DURATION", value_parser = duration::positive)]
    more: Option<Span>,

    /// How much longer: 4h, 1d12h; counted from the expiry, or from now if that has passed
    #[arg(long, visible_alias = "ttl", value_name = "DURATION", value_parser = duration::positive)]
    by: Option<Span>,

    /// New end time: RFC 3339, 18:00, "fri 18:00"; local time unless a zone is given
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Extends.
///
/// # Errors
///
/// That it is too far, too late, or someone else's.
pub async fn run(args: ExtendArgs, frame: &Frame) -> Result<Exit> {
    let args = args.resolve()?;
    let Frame { ui, interrupt, .. } = frame;
    let (session, look) = claims::open(frame, args.name.as_deref()).await?;
    let Look {
        claim,
        settings,
        clock,
    } = look;
    let zone = TimeZone::system();
    let decide = |claim: &Claim, lost: Option<&Note>| match lost {
        // What is there now is what was sent: it was carried out.
        Some(note) if note.is_on(claim) => Ok(note.clone()),
        _ => new_end(claim, &args, &settings, clock.now(), &zone).map(Note::Expires),
    };
    let (claim, _) = claims::annotate(&session, interrupt, claim, &args.write, decide).await?;
    let now = clock.now();
    let view = View::of(&claim, &settings, now);
    let text = match document(&view, &args.output)? {
        Some(text) => text,
        None => format!(
            "{} is {}'s{}{}\n{}",
            view.name,
            view.owner.as_deref().unwrap_or("nobody"),
            until(&view, now, &zone),
            args.write.dry_run.suffix(),
            left(&view, &settings)
        ),
    };
    ui.answer(text)?;
    session.finish()?;
    Ok(Exit::Done)
}

impl ExtendArgs {
    /// Takes `extend 4h` for the current namespace, and `extend NAME 4h` for `--by 4h`.
    fn resolve(mut self) -> Result<Self> {
        let end = self.more.take().or(self.by);
        if end.is_some() || self.until.is_some() {
            return Ok(Self { by: end, ..self });
        }
        let alone = self
            .name
            .as_deref()
            .and_then(|text| duration::positive(text).ok());
        if alone.is_some() {
            return Ok(Self {
                name: None,
                by: alone,
                ..self
            });
        }
        let name = self.name.as_deref().unwrap_or("NAME");
        Err(Error::usage("how much longer is not given")
            .with_hint(format!("kubectl ns-claim extend {name} 4h")))
    }
}

/// Returns the end that is asked for.
fn new_end(
    claim: &Claim,
    args: &ExtendArgs,
    settings: &Settings,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp> {
    let name = &claim.name;
    if claim.terminating.is_some() {
        return Err(claims::gone(name));
    }
    let cap = claim
        .created
        .and_then(|created| created.checked_add(settings.max_total().0).ok())
        .ok_or_else(|| Error::failed(format!("namespace {name} has no creation time")))?;
    let end = match (&args.by, &args.until) {
        (Some(by), _) => {
            let life = claim.lifetime(settings).ok_or_else(|| {
                Error::failed(format!(
                    "the expiry of {name} cannot be read, so nothing can be added to it"
                ))
                .with_hint(format!("kubectl ns-claim extend {name} --until 18:00"))
            })?;
            life.ends
                .max(now)
                .checked_add(by.0)
                .map_err(|_| Error::usage(format!("{by} more is out of range")))?
        }
        (None, Some(moment)) => moment
            .resolve(now, zone)
            .map_err(|why| Error::usage(format!("--until \"{moment}\": {why}")))?,
        (None, None) => return Err(Error::usage("--by or --until is required")),
    };
    let end = Timestamp::from_second(end.as_second()).unwrap_or(end);
    if end > cap {
        let left = between(
            claim
                .lifetime(settings)
                .map_or(now, |life| life.ends.max(now)),
            cap,
        );
        let error = Error::usage(format!(
            "{name} cannot last until {}: its {} in total end at {}",
            shown(end, zone),
            settings.max_total(),
            shown(cap, zone)
        ));
        return Err(if left.is_zero() {
            error.with_hint("claim a new one:  kubectl ns-claim")
        } else {
            error
                .with_detail(format!("{} can still be added", Span(left)))
                .with_hint(format!("kubectl ns-claim extend {name} --until {cap}"))
        });
    }
    if end <= now {
        return Err(
            Error::usage(format!("{} is in the past", shown(end, zone))).with_hint(format!(
                "to release it now:  kubectl ns-claim release {name}"
            )),
        );
    }
    Ok(end)
}

/// Says how much of the longest lifetime is left.
fn left(view: &View, settings: &Settings) -> String {
    let (Some(ends), Some(cap)) = (view.ends_at, view.can_reach) else {
        return String::new();
    };
    format!(
        "  {} of {} in total can still be added\n",
        Span(between(ends, cap)),
        settings.max_total()
    )
}
