//! `doctor`: what a canary left behind, and the mend.

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::Format;
use groundcrew::output::{Document, Kind, json, yaml};
use groundcrew::ui::Ui;
use serde::Serialize;

use super::{Common, Open, open, told};
use crate::apply::{self, Written};
use crate::meta;
use crate::observe::{self, Cluster};
use crate::record::Stored;
use crate::view;

/// Look for what a canary left behind, and mend it with --repair
///
/// Finds records of Deployments that are gone or new, and holds without a record.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Mend what can be mended without a guess
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Diagnosis {
    deployment: String,
    namespace: String,
    findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    /// What is wrong.
    what: String,
    /// What mends it.
    mend: String,
    /// Whether it was mended in this run.
    mended: bool,
    #[serde(skip)]
    repair: Repair,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repair {
    /// Nothing that could be done without a guess.
    ByHand,
    /// The record goes.
    DropRecord,
    /// The marker and the hold go; the rollout goes on natively.
    LetGo,
}

/// Looks, and mends when asked to.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: DoctorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let open = open(&args.common.kube, &args.common.deployment, ui).await?;
    let look = async {
        // In this order: whoever marks a Deployment has written the record before.
        let cluster = observe::cluster(&open.session, &open.target).await?;
        let (stored, clock) = open.store.read(&open.session).await?;
        Ok((stored, clock, cluster))
    };
    let (stored, clock, cluster) = interrupt.guard(look).await?;
    let mut findings = find(stored.as_ref(), &cluster, &open, clock.now());
    if args.repair {
        for finding in &mut findings {
            finding.mended = repair(finding.repair, stored.as_ref(), &cluster, &open).await?;
        }
    }
    let diagnosis = Diagnosis {
        deployment: open.target.name.clone(),
        namespace: open.target.namespace.clone(),
        findings,
    };
    ui.answer(match args.common.output.format {
        Format::Json => json(&Document::new(Kind::CanaryDiagnosis, &diagnosis))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryDiagnosis, &diagnosis))?,
        Format::Name => format!("deployment.apps/{}\n", diagnosis.deployment),
        Format::Table | Format::Wide => lines(&diagnosis),
    })?;
    let open = diagnosis.findings.iter().any(|finding| !finding.mended);
    Ok(if open { Exit::No } else { Exit::Done })
}

fn find(
    stored: Option<&Stored>,
    cluster: &Cluster,
    open: &Open,
    now: jiff::Timestamp,
) -> Vec<Finding> {
    let finding = |what: String, mend: String, repair| Finding {
        what,
        mend,
        mended: false,
        repair,
    };
    let target = &open.target;
    let repair_words = target.words("doctor", "--repair");
    let spec = &cluster.deployment["spec"];
    let held = spec["minReadySeconds"] == meta::HOLD_SECONDS;
    let marked = cluster.deployment["metadata"]["labels"][meta::MARKER].is_string();
    let mut findings = Vec::new();
    let record = stored.map(|stored| &stored.record);
    match record {
        Some(record) if record.uid != cluster.uid() => findings.push(finding(
            "the record is of another Deployment of this name".to_owned(),
            repair_words.clone(),
            Repair::DropRecord,
        )),
        Some(record) => {
            let seen = cluster.seen(record, now);
            if let Some(conflict) = view::conflict(record, &seen) {
                let error = told(&conflict, target);
                findings.push(finding(
                    error.to_string(),
                    error.hints().join("; "),
                    Repair::ByHand,
                ));
            } else if view::is_abandoned(record, &seen, now) {
                findings.push(finding(
                    "the canary cannot be parked, holds only while it is driven, and nobody drives it"
                        .to_owned(),
                    format!(
                        "take it back:  {}; or go on:  {}",
                        target.words("abort", ""),
                        target.words("resume", "")
                    ),
                    Repair::ByHand,
                ));
            }
        }
        None => {}
    }
    let mine = record.is_some_and(|record| record.uid == cluster.uid());
    if !mine && held {
        findings.push(finding(
            "the Deployment is held and there is no record of a canary".to_owned(),
            format!("let the template that is in it roll out:  {repair_words}"),
            Repair::LetGo,
        ));
    } else if !mine && marked {
        findings.push(finding(
            format!(
                "the label {} is left over, and there is no record",
                meta::MARKER
            ),
            format!(
                "let the template that is in it roll out (its strategy becomes 25% and 0, since \
                 nothing says what it was):  {repair_words}"
            ),
            Repair::LetGo,
        ));
    }
    findings
}

/// Mends one finding; says whether it did.
async fn repair(
    repair: Repair,
    stored: Option<&Stored>,
    cluster: &Cluster,
    open: &Open,
) -> Result<bool> {
    match (repair, stored) {
        (Repair::DropRecord, Some(stored)) => open.store.delete(stored).await,
        (Repair::LetGo, _) => {
            let operations = apply::let_go(&cluster.deployment);
            match apply::send(&open.session, &open.target, &operations, false).await? {
                Written::Done(_) => Ok(true),
                Written::LookAgain => Err(Error::conflict(
                    "the Deployment was changed in between; nothing was written",
                )),
                Written::Blind(why) => Err(Error::failed(why)),
            }
        }
        (Repair::ByHand | Repair::DropRecord, _) => Ok(false),
    }
}

fn lines(diagnosis: &Diagnosis) -> String {
    if diagnosis.findings.is_empty() {
        return format!("{}: nothing is left over\n", diagnosis.deployment);
    }
    diagnosis
        .findings
        .iter()
        .map(|finding| {
            let state = if finding.mended { "mended: " } else { "" };
            let mend = if finding.mended || finding.mend.is_empty() {
                String::new()
            } else {
                format!("\n  {}", finding.mend)
            };
            format!("{}: {state}{}{mend}\n", diagnosis.deployment, finding.what)
        })
        .collect()
}
