//! `kubectl onboard status`: how long a first pod took, and what is blocking the user now.

pub mod judge;
pub mod observe;
pub mod obstacle;
pub mod render;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::clock;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;

use crate::cluster::people;
use crate::model::record;
use crate::model::user::UserName;

/// Show a user's first-pod time, quota use and current problems
///
/// FIRST POD RUNNING counts from the issue of the user's first credential. It is read from the
/// pods that still exist: earlier ones may be gone, so the real time may have been shorter.
///
/// Listed as blocking: an exhausted quota; pods refused by a quota, a limit range, pod security or
/// another admission check; images that cannot be pulled; containers that crash or cannot be
/// created; pods that fit on no node; and a credential that has expired or was revoked.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct StatusArgs {
    /// A user on record
    #[arg(id = "who", value_name = "USER", add = people::names())]
    who: String,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard status alice
  kubectl onboard status alice -o json

Exit codes:
  0 nothing is blocking the user    1 failed   2 usage
  3 something is blocking the user  4 not everything could be seen";

/// Shows the status.
///
/// # Errors
///
/// What the server says about the record. Anything else that cannot be read is named, and leaves
/// the answer open.
pub async fn run(args: StatusArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let StatusArgs { who, output } = args;
    let user = UserName::parse(&who)?;
    let session = frame.connect().await?;
    let looking =
        futures::future::try_join(observe::observe(&session, &user), clock::read(&session));
    let (found, clock) = interrupt.guard(looking).await?;
    let found = found.ok_or_else(|| record::unknown(&user))?;
    let now = clock.now();
    let status = judge::status(&user, &found, now);
    for one in &status.unseen {
        ui.warning(format_args!("cannot see {}: {}", one.what, one.why));
    }
    if let Some(remark) = status.remark() {
        ui.status(remark);
    }
    ui.answer(render::status(&status, &output, now)?)?;
    session.finish()?;
    Ok(status.exit())
}
