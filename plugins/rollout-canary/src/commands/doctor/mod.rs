//! `doctor`: what a canary left behind, and the fix.

pub mod apply;
pub mod decide;
pub mod observe;
pub mod render;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::Format;
use groundcrew::output::{Document, Kind, json, yaml};
use groundcrew::ui::Ui;

use crate::cluster::deployment;
use crate::commands::doctor::apply::repair;
use crate::commands::doctor::decide::{Diagnosis, find, of_routes};
use crate::commands::doctor::observe::left;
use crate::commands::doctor::render::lines;
use crate::commands::flags::Common;
use crate::drive::session::open;
use crate::drive::this_process;

/// Look for what a canary left behind, and mend it with --repair
///
/// Finds records of Deployments that are gone or new, holds without a record, and routes and the
/// extra Service that no record tells of.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Mend what can be mended without a guess
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    pub common: Common,
}

/// Looks, and mends when asked to.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: DoctorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let look = deployment::with_record(&open.session, &open.target, &open.store);
    let (stored, clock, cluster) = interrupt.guard(look).await?;
    let left = interrupt
        .guard(left(stored.as_ref(), &cluster, &open))
        .await?;
    let now = clock.now();
    let driving = this_process::driving(stored.as_ref().map(|stored| &stored.record), now);
    // The pods that a route leads to go last.
    let mut findings = of_routes(&left, &open.target);
    findings.extend(find(stored.as_ref(), &cluster, &open, (now, driving)));
    if args.repair {
        for finding in &mut findings {
            let mend = repair(&finding.repair, stored.as_ref(), &cluster, &left, &open);
            finding.mended = interrupt.guard(mend).await?;
        }
    }
    let diagnosis = Diagnosis {
        deployment: open.target.name.clone(),
        namespace: open.target.namespace.clone(),
        findings,
        unseen: left.unseen,
    };
    ui.answer(match args.common.output.format {
        Format::Json => json(&Document::new(Kind::CanaryDiagnosis, &diagnosis))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryDiagnosis, &diagnosis))?,
        Format::Name => format!("deployment.apps/{}\n", diagnosis.deployment),
        Format::Table | Format::Wide => lines(&diagnosis),
    })?;
    let open = diagnosis.findings.iter().any(|finding| !finding.mended);
    Ok(match () {
        () if open => Exit::No,
        () if !diagnosis.unseen.is_empty() => Exit::Incomplete,
        () => Exit::Done,
    })
}
