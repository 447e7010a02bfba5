//! The common ending of the commands that stand on the onboarding engine: look, then rehearse or
//! carry out, and answer.

use std::time::Instant;

use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::DryRun;
use groundcrew::ui::Ui;
use serde::Serialize;

use crate::cluster::endpoint::Cache;
use crate::cluster::onboarding::onboarder::{Onboarder, may, prepare};
use crate::cluster::still;
use crate::cluster::still::Still;
use crate::local::delivery::Files;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::{Options, Task};
use crate::model::onboarding::plan::CredentialStep;
use crate::model::onboarding::prepared::Prepared;
use crate::model::onboarding::preview::preview;
use crate::model::onboarding::report::Report;
use crate::model::{kubeconfig, time};

/// Renews, joins or leaves, as the options say.
///
/// # Errors
///
/// Why nothing, or not everything, was done.
pub async fn answer(options: &Options, frame: &Frame) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let started = Instant::now();
    let session = interrupt.guard(frame.connect()).await?;
    let me = interrupt.guard(may(&session, &[options])).await?;
    let onboarder = Onboarder {
        session: &session,
        me: &me,
        tuning: frame.kube.tuning(),
        delivery: &Files,
        ui,
        interrupt,
    };
    let cache = Cache::default();
    let looking = prepare(&session, options, &Files, &cache);
    let mut prepared = interrupt.guard(looking).await?;
    if options.dry_run != DryRun::None {
        let lines = onboarder.run(options, &prepared).rehearse().await?;
        ui.answer(preview(options, &prepared.plan, &lines)?)?;
        return Ok(Exit::Done);
    }
    warn(&prepared, ui);
    let outcome = onboarder.carry_out(options, &mut prepared).await?;
    let still = match &options.task {
        Task::Leave(namespace) => {
            let looking = still::look(&session, options, &prepared.observed, namespace);
            Some(interrupt.guard(async { Ok(looking.await) }).await?)
        }
        _ => None,
    };
    let requests = session.requests() + outcome.requests_as_user;
    let (plan, now) = (&prepared.plan, prepared.now);
    let observed = &prepared.observed;
    let elapsed = started.elapsed();
    let report = Report::new(options, plan, outcome, observed, elapsed, requests, now);
    let exit = match &still {
        Some(still) if report.exit() == Exit::Done => still.exit(),
        _ => report.exit(),
    };
    let whole = Whole {
        report: &report,
        still: still.as_ref(),
    };
    ui.answer(report.render_with(&options.output, &whole, &[], exit)?)?;
    if let Some(still) = &still {
        still.tell(options, ui);
    }
    if options
        .renewal()
        .is_some_and(|renewal| !renewal.grace.is_zero())
    {
        let end = time::until(plan.retire_at, now);
        ui.status(format_args!("the previous credential works until {end}."));
        ui.hint("then revoke it:  kubectl onboard renew --due");
    }
    session.finish()?;
    Ok(exit)
}

/// The report, and what the user still has where they left.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(flatten)]
    still: Option<&'a Still>,
}

/// Warns of a credential that would work on this machine alone.
pub fn warn(prepared: &Prepared, ui: &Ui) {
    if matches!(prepared.plan.credential, CredentialStep::Issue { .. }) {
        warn_of_loopback(&prepared.observed, ui);
    }
}

fn warn_of_loopback(observed: &Observed, ui: &Ui) {
    let server = &observed.endpoint.server;
    if kubeconfig::is_loopback(server) {
        ui.warning(format_args!(
            "{server} is a loopback address: the kubeconfig works on this machine only"
        ));
        ui.hint("pass the address that others can reach with --user-server");
    }
    let proxy = observed.endpoint.proxy_url.as_deref();
    if let Some(proxy) = proxy.filter(|proxy| kubeconfig::is_loopback(proxy)) {
        ui.warning(format_args!(
            "{proxy} is a proxy on a loopback address: the kubeconfig works on this machine only"
        ));
        ui.hint("pass the proxy that others can reach with --user-proxy, or --user-proxy none");
    }
}
