//! `doctor`: what a canary left behind, and the fix.

mod apply;
mod decide;
mod observe;

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::{Diagnosis, Finding, Severity};
use groundcrew::flags::{DryRun, Format};
use groundcrew::output::{Document, json, yaml};
use serde::Serialize;

use crate::commands::doctor::decide::problems;
use crate::commands::flags::Common;
use crate::model::kind::Kind;

/// Find what a canary left behind, and fix it on request
///
/// Finds records of Deployments that were deleted or recreated, holds without a record, and routes
/// and extra Services that no record mentions.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Fix what can be fixed without guessing
    #[arg(long)]
    fix: bool,

    /// Show what --fix would do
    #[arg(long, value_name = "MODE", value_enum, num_args = 0..=1, require_equals = true,
          default_value = "none", default_missing_value = "client",          hide_default_value = true, requires = "fix")]
    dry_run: DryRun,

    #[command(flatten)]
    common: Common,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    deployment: &'a str,
    namespace: &'a str,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

/// Looks, and fixes when asked to.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: DoctorArgs, frame: &Frame) -> Result<Exit> {
    let open = args.common.open(frame).await?;
    let observed = frame.interrupt.guard(observe::observe(&open)).await?;
    let mut problems = problems(&observed, &open.target);
    if args.fix {
        apply::repair(&mut problems, &observed, &open, args.dry_run, frame).await?;
    }
    let unseen = observed.left.unseen.clone();
    let mut findings: Vec<Finding> = problems.into_iter().map(|one| one.finding).collect();
    if findings.is_empty() {
        let nothing = if unseen.is_empty() {
            "nothing is left over"
        } else {
            "nothing that could be seen is left over"
        };
        findings.push(Finding::new(Severity::Ok, "leftovers", nothing));
    }
    let diagnosis = Diagnosis::new(findings, unseen);
    let report = Report {
        deployment: &open.target.name,
        namespace: &open.target.namespace,
        diagnosis: &diagnosis,
    };
    let output = &args.common.output;
    frame.ui.answer(match output.format {
        Format::Json => json(&Document::new(Kind::CanaryDiagnosis, &report))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryDiagnosis, &report))?,
        Format::Name => format!("deployment.apps/{}\n", report.deployment),
        Format::Table | Format::Wide => diagnosis.render(!output.no_headers),
    })?;
    Ok(diagnosis.exit())
}
