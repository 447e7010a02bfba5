//! `kubectl ns-claim reap`: warn, wait, delete; by hand, in CI or in the CronJob.

mod apply;
mod decide;
mod observe;
mod render;

use std::collections::BTreeMap;

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};

use crate::cluster::tombstones;
use crate::model::claim::Claim;
use crate::model::ledger::{Ledger, advance, is_recorded};
use apply::{Ended, Reaper};
use decide::{Action, Decision, Report, Rules, decide, report};

/// Warn of claims that end, and delete those that are over
///
/// A claim goes only if it carries the claim label and is on record, is not protected and belongs
/// not to the cluster, was warned of this very end, its grace is over, and nobody changed it since
/// it was looked at last. Everything else is kept, and what looks wrong is reported (exit 3).
///
/// More than --max-deletes at once delete nothing (exit 4). Time is the API server's.
#[derive(Args, Debug)]
pub struct ReapArgs {
    /// How long before its end an owner is warned [default: the installation's, 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    warn: Option<Span>,

    /// How long after the warning nothing is deleted [default: the installation's, 30m]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Span>,

    /// Delete nothing when more than this many are due at once [default: the installation's, 20]
    #[arg(long, value_name = "COUNT")]
    max_deletes: Option<u32>,

    /// Remove the records of claims that ended longer ago [default: the installation's, 90d; looked
    /// for once a day]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    keep_records: Option<Span>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Reaps.
///
/// # Errors
///
/// A missing right, a clock that is off, what the server says.
pub async fn run(args: ReapArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let observed = interrupt.guard(observe::observe(&session)).await?;
    let rules = Rules {
        warn: args
            .warn
            .map_or(observed.index.settings.warn().0, |span| span.0),
        grace: args
            .grace
            .map_or(observed.index.settings.grace().0, |span| span.0),
        settings: observed.index.settings.clone(),
    };
    let now = observed.clock.now();
    let decisions: Vec<(&Claim, Decision)> = observed
        .claims
        .iter()
        .map(|claim| {
            let recorded = is_recorded(claim, &observed.index, &observed.ledger);
            (claim, decide(claim, recorded, &rules, now))
        })
        .collect();
    let max_deletes = args
        .max_deletes
        .unwrap_or(observed.index.settings.max_deletes);
    let dry_run = args.write.dry_run != DryRun::None;
    let mut report = report(
        &decisions,
        &observed.index.settings,
        now,
        max_deletes,
        dry_run,
    );
    if dry_run {
        ui.answer(render::report(&report, &args.output, now)?)?;
        return Ok(report.exit());
    }
    let reaper = Reaper {
        session: &session,
        rules: &rules,
        observed: &observed,
    };
    warn(&reaper, &decisions, &mut report, interrupt).await?;
    let mut next = advance(
        &observed.ledger,
        &observed.claims,
        &observed.requests,
        &observed.index,
        now,
    );
    check(interrupt)?;
    let keep = args.keep_records;
    if keep.is_some() || tombstones::is_time(observed.ledger.pruned_at, now) {
        let keep = keep.unwrap_or(rules.settings.keep_records());
        let (removed, all) = tombstones::prune(&session, keep.0, now, interrupt).await?;
        report.records_removed = removed;
        if all {
            next.ledger.pruned_at = Some(now);
        }
    }
    reaper.remember(&next).await?;
    if report.stopped {
        ui.answer(render::report(&report, &args.output, now)?)?;
        return Err(Error::new(
            Kind::Incomplete,
            format!(
                "{} claims are due at once, more than --max-deletes {max_deletes}; none was deleted",
                report.due
            ),
        )
        .with_hint("look at them:  kubectl ns-claim reap --dry-run")
        .with_hint(format!(
            "if they should go:  kubectl ns-claim reap --max-deletes {}",
            report.due
        )));
    }
    if report.due > 0 && (args.write.yes || ui.confirm(&question(&decisions))?) {
        delete(
            &reaper,
            &decisions,
            &next.ledger,
            &session,
            &mut report,
            interrupt,
        )
        .await?;
    }
    ui.answer(render::report(&report, &args.output, now)?)?;
    session.finish()?;
    Ok(report.exit())
}

fn check(interrupt: &Interrupt) -> Result<()> {
    if interrupt.is_set() {
        return Err(Error::interrupted());
    }
    Ok(())
}

fn question(decisions: &[(&Claim, Decision)]) -> String {
    let names: Vec<&str> = decisions
        .iter()
        .filter(|(_, decision)| *decision == Decision::Delete)
        .map(|(claim, _)| claim.name.as_str())
        .collect();
    format!(
        "Delete {} and everything in {}?",
        names.join(", "),
        if names.len() == 1 { "it" } else { "them" }
    )
}

async fn warn(
    reaper: &Reaper<'_>,
    decisions: &[(&Claim, Decision)],
    report: &mut Report,
    interrupt: &Interrupt,
) -> Result<()> {
    for ((claim, decision), row) in decisions.iter().zip(&mut report.rows) {
        let Decision::Warn(goes) = decision else {
            continue;
        };
        check(interrupt)?;
        match reaper.warn(claim, *goes).await {
            Ok(Ended::Done(_)) => {}
            Ok(Ended::Overtaken) => row.action = Action::Changed,
            Ok(Ended::Gone) => row.action = Action::Going,
            Err(error) => {
                row.action = Action::Failed;
                row.detail = error.headline();
            }
        }
    }
    Ok(())
}

async fn delete(
    reaper: &Reaper<'_>,
    decisions: &[(&Claim, Decision)],
    ledger: &Ledger,
    session: &Session,
    report: &mut Report,
    interrupt: &Interrupt,
) -> Result<()> {
    let volumes: BTreeMap<String, Vec<String>> =
        interrupt.guard(observe::kept_volumes(session)).await?;
    for ((claim, decision), row) in decisions.iter().zip(&mut report.rows) {
        if *decision != Decision::Delete {
            continue;
        }
        check(interrupt)?;
        match reaper.delete(claim, ledger, &volumes).await {
            Ok(Ended::Done(outlived_by)) => {
                row.action = Action::Deleted;
                if !outlived_by.is_empty() {
                    row.detail = format!("outlived by {}", outlived_by.join(", "));
                }
            }
            Ok(Ended::Overtaken) => {
                row.action = Action::Changed;
                "changed in between, kept".clone_into(&mut row.detail);
            }
            Ok(Ended::Gone) => row.action = Action::Going,
            Err(error) if error.kind() == Kind::Incomplete => return Err(error),
            Err(error) => {
                row.action = Action::Failed;
                row.detail = error.headline();
            }
        }
    }
    Ok(())
}
