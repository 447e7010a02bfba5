//! `kubectl onboard doctor`: can people be onboarded here, and is what is on record true.

pub mod finding;
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
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::duration::Span;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs, duration};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use crate::model::product::product;

/// Check that people can be onboarded here and that what is on record is true
///
/// Looks at the cluster's version and clock, the rights of whoever runs this, the address that
/// kubeconfigs get, whether network policies have an effect, and every record with the namespace,
/// bindings, requests and Secrets that belong to it. Nothing is changed but for one thing: a
/// certificate request for a key that is thrown away shows whether the signer issues, and is
/// removed in every case; `--no-probe` leaves it out.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Print what gives USER the rights that onboarding needs, and check nothing
    #[arg(long, value_name = "USER")]
    grant: Option<String>,

    /// Send no certificate request
    #[arg(long)]
    no_probe: bool,

    /// How long to wait for the signer
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::positive)]
    timeout: Span,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard doctor
  kubectl onboard doctor --no-probe -o json
  kubectl onboard doctor --grant carol -o yaml | kubectl apply -f -

Exit codes:
  0 nothing is broken; warnings are possible   1 failed   2 usage
  3 something is broken                        4 not everything could be looked at";

/// Examines.
///
/// # Errors
///
/// That the cluster cannot be reached; usage when `--grant` names nobody.
pub async fn run(args: DoctorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let DoctorArgs {
        grant,
        no_probe,
        timeout,
        output,
        globals: _,
        kube,
    } = args;
    if let Some(user) = grant {
        ui.answer(grant::grant(&user, output.format)?)?;
        return Ok(Exit::Done);
    }
    let session = client::connect(&kube, &product(), ui).await?;
    let mut found = interrupt.guard(observe::observe(&session)).await?;
    found.signer = if no_probe {
        probe::Outcome::NotTried("--no-probe".to_owned())
    } else if let Some(why) = found.may_not_probe() {
        probe::Outcome::NotTried(why)
    } else {
        let waiting = ui.progress("asking the signer for a certificate");
        let outcome = probe::probe(&session, timeout.0, interrupt).await?;
        drop(waiting);
        outcome
    };
    let diagnosis = judge::diagnosis(&found, Timestamp::now());
    ui.answer(render::diagnosis(&diagnosis, &output)?)?;
    session.finish()?;
    Ok(diagnosis.exit())
}
