//! `kubectl onboard doctor`: whether users can be onboarded here, and whether the records are true.

pub mod grant;
pub mod judge;
pub mod known;
pub mod leftovers;
pub mod network;
pub mod observe;
pub mod probe;
pub mod records;
pub mod render;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{OutputArgs, duration};
use jiff::{SignedDuration, Timestamp};

/// Check that users can be onboarded here, and that the records are true
///
/// Checks the cluster's version and clock, your own rights, the address that kubeconfigs get,
/// whether network policies have an effect, and every record with its namespace, bindings,
/// requests and Secrets. Nothing is changed, with one exception: a certificate request for a key
/// that is thrown away shows whether the signer issues certificates. It is always removed again;
/// `--no-probe` omits it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Print the manifests or commands that grant USER the rights to onboard, and check nothing
    #[arg(long, value_name = "USER")]
    grant: Option<String>,

    /// Do not send a certificate request
    #[arg(long)]
    no_probe: bool,

    /// How long to wait for the signer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::positive)]
    timeout: Span,

    #[command(flatten)]
    output: OutputArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard doctor
  kubectl onboard doctor --no-probe -o json
  kubectl onboard doctor --grant carol -o yaml | kubectl apply -f -

Exit codes:
  0 no errors; there may be warnings   1 failed   2 usage
  3 something is wrong                 4 not everything could be checked";

/// Examines.
///
/// # Errors
///
/// That the cluster cannot be reached; usage when `--grant` has no valid name.
pub async fn run(args: DoctorArgs, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let DoctorArgs {
        grant,
        no_probe,
        timeout,
        output,
    } = args;
    if let Some(user) = grant {
        ui.answer(grant::grant(&user, output.format)?)?;
        return Ok(Exit::Done);
    }
    let session = frame.connect().await?;
    let mut found = interrupt.guard(observe::observe(&session)).await?;
    found.signer = if no_probe {
        probe::Outcome::NotTried("--no-probe".to_owned())
    } else if let Some(why) = found.may_not_probe() {
        probe::Outcome::NotTried(why)
    } else {
        let waiting = ui.progress("asking the signer for a certificate");
        let outcome = probe::probe(&session, timeout.0, frame.kube.tuning(), ui, interrupt).await?;
        drop(waiting);
        outcome
    };
    let ahead = SignedDuration::from_secs(*found.skew.as_ref().unwrap_or(&0));
    let now = Timestamp::now();
    let now = now.checked_sub(ahead).unwrap_or(now);
    let diagnosis = judge::diagnosis(&found, now);
    ui.answer(render::diagnosis(&diagnosis, &output)?)?;
    session.finish()?;
    Ok(diagnosis.exit())
}
