//! `kubectl ns-claim protect`: a claim that no reaper deletes.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::access;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{OutputArgs, WriteArgs};

use super::answer;
use crate::cluster::claims::{self, Look};
use crate::model::claim::Claim;
use crate::model::note::Note;
use crate::model::view::View;

/// Protect a claim from expiry, or remove the protection
///
/// The reaper never deletes a protected claim, and neither can its owner. For admins.
#[derive(Args, Debug)]
pub struct ProtectArgs {
    /// Name of the claim
    #[arg(value_name = "NAME", add = claims::names())]
    name: String,

    /// Remove the protection
    #[arg(long)]
    off: bool,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Protects, or ends that.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: ProtectArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let look = async {
        let me = access::who_am_i(&session).await?.username;
        Ok((me, claims::look(&session, Some(&args.name)).await?))
    };
    let (me, look) = interrupt.guard(look).await?;
    let Look {
        claim,
        settings,
        clock,
    } = look;
    let note = Note::Protected((!args.off).then_some(me));
    let decide = |_: &Claim, _: Option<&Note>| Ok(note.clone());
    let (claim, _) = claims::annotate(&session, interrupt, claim, &args.write, decide).await?;
    let word = if args.off {
        "is no longer protected from expiry"
    } else {
        "is protected from expiry"
    };
    let view = View::of(&claim, &settings, clock.now());
    answer::claim(&view, word, &args.write, &args.output, ui)?;
    session.finish()?;
    Ok(Exit::Done)
}
