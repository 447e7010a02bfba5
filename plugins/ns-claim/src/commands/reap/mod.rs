//! `kubectl ns-claim reap`: warn, wait, delete; by hand, in CI or in the CronJob.

mod apply;
mod decide;
mod observe;
mod render;

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

use super::answer;
use crate::cluster::tombstones;
use crate::model::ledger::{Advance, Ledger, advance, is_recorded};
use crate::model::steps::Outcome;
use apply::{Ended, Reaper};
use decide::{Action, Decision, Report, Rules, Step, What, decide, records, report};
use observe::Observed;

/// Warn about expiring claims and delete expired ones
///
/// A claim is deleted only if it carries the claim label, is on record, is not protected, is not a
/// system namespace, its owner was warned of this expiry, the grace period is over, and nobody
/// changed it since it was last read. Everything else is kept; problems are reported (exit 3).
///
/// If more than --max-deletes claims are due at once, none is deleted (exit 4). All times are the
/// API server's.
#[derive(Args, Debug)]
pub struct ReapArgs {
    /// How long before the expiry owners are warned [default: the installation's, 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    warn: Option<Span>,

    /// Grace period after the warning [default: the installation's, 30m]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Span>,

    /// Delete nothing if more than this many claims are due at once [default: the installation's, 20]
    #[arg(long, value_name = "COUNT")]
    max_deletes: Option<u32>,

    /// How long records of deleted claims are kept; checked once a day [default: the installation's,
    /// 90d]
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
    let settings = &observed.index.settings;
    let rules = Rules {
        warn: args.warn.unwrap_or(settings.warn()).0,
        grace: args.grace.unwrap_or(settings.grace()).0,
        settings: settings.clone(),
    };
    let now = observed.clock.now();
    let max_deletes = args.max_deletes.unwrap_or(settings.max_deletes);
    let dry_run = args.write.dry_run;
    let steps = steps(&observed, &rules, now);
    let mut report = report(steps, max_deletes, dry_run != DryRun::None);
    let reaper = Reaper {
        session: &session,
        interrupt,
        rules: &rules,
        observed: &observed,
        dry_run,
    };
    warn(&reaper, &mut report.rows, interrupt).await?;
    let mut next = advance(
        &observed.ledger,
        &observed.claims,
        &observed.requests,
        &observed.index,
        now,
    );
    interrupt.check()?;
    report.records_removed = prune(&reaper, args.keep_records, &mut next, now).await?;
    remember(&reaper, &next, frame).await?;
    let asked = dry_run != DryRun::None || args.write.yes;
    if !report.stopped && report.due > 0 && (asked || ui.confirm(&question(&report.rows))?) {
        delete(&reaper, &next.ledger, &mut report.rows, interrupt).await?;
    }
    ui.answer(render::report(&report, &args.output, now, dry_run)?)?;
    if report.stopped {
        return Err(too_many(&report, max_deletes));
    }
    session.finish()?;
    Ok(report.exit())
}

/// Decides about every claim.
fn steps(observed: &Observed, rules: &Rules, now: Timestamp) -> Vec<Step> {
    let step = |claim| {
        let recorded = is_recorded(claim, &observed.index, &observed.ledger);
        let decision = decide(claim, recorded, rules, now);
        Step::new(claim, decision, &rules.settings, now)
    };
    observed.claims.iter().map(step).collect()
}

fn too_many(report: &Report, max_deletes: u32) -> Error {
    let due = report.due;
    let are_due = match due {
        1 => "1 claim is due".to_owned(),
        _ => format!("{due} claims are due at once"),
    };
    Error::new(
        Kind::Incomplete,
        format!("{are_due}, more than --max-deletes {max_deletes}; none was deleted"),
    )
    .with_hint("review them:  kubectl ns-claim reap --dry-run")
    .with_hint(format!(
        "to delete them:  kubectl ns-claim reap --max-deletes {due}"
    ))
}

fn question(steps: &[Step]) -> String {
    let names: Vec<&str> = steps
        .iter()
        .filter(|step| step.decision == Decision::Delete)
        .map(|step| step.read.name.as_str())
        .collect();
    format!(
        "Delete {} and everything in {}?",
        names.join(", "),
        if names.len() == 1 { "it" } else { "them" }
    )
}

async fn warn(reaper: &Reaper<'_>, steps: &mut [Step], interrupt: &Interrupt) -> Result<()> {
    for step in steps {
        let Decision::Warn(goes) = step.decision else {
            continue;
        };
        interrupt.check()?;
        match reaper.warn(&step.read, goes).await {
            Ok(Ended::Done(_)) => {}
            Ok(Ended::Overtaken) => step.action = Action::Changed,
            Ok(Ended::Gone) => step.action = Action::Going,
            Err(error) => {
                step.action = Action::Failed;
                step.detail = error.headline();
            }
        }
    }
    Ok(())
}

/// Removes the tombstones that were kept for long enough, once a day or when asked; returns how
/// many.
async fn prune(
    reaper: &Reaper<'_>,
    keep: Option<Span>,
    next: &mut Advance,
    now: Timestamp,
) -> Result<usize> {
    if keep.is_none() && !tombstones::is_time(reaper.observed.ledger.pruned_at, now) {
        return Ok(0);
    }
    let keep = keep.unwrap_or(reaper.rules.settings.keep_records());
    let (old, all) = tombstones::old(reaper.session, keep.0, now).await?;
    if all {
        next.ledger.pruned_at = Some(now);
    }
    if reaper.dry_run == DryRun::Client {
        return Ok(old.len());
    }
    tombstones::remove(reaper.session, reaper.interrupt, &old, &reaper.writer()).await
}

/// Writes down what this run saw.
async fn remember(reaper: &Reaper<'_>, next: &Advance, frame: &Frame) -> Result<()> {
    let ended: Result<Vec<ConfigMap>> = next.ended.iter().map(tombstones::map).collect();
    let observed = reaper.observed;
    let before = observed.ledger_read.as_ref().map(|_| &observed.ledger);
    let mut records = records(next, ended?, before);
    if reaper.dry_run == DryRun::Client && !next.ended.is_empty() {
        let there = tombstones::names(reaper.session).await?;
        for record in &mut records {
            if let What::Tombstone(map) = &record.what
                && map
                    .metadata
                    .name
                    .as_ref()
                    .is_some_and(|name| there.contains(name))
            {
                record.outcome = Outcome::Unchanged;
            }
        }
    }
    for record in &records {
        let outcome = reaper.record(record).await?;
        answer::told(&frame.ui, record.object(), outcome, reaper.dry_run);
    }
    Ok(())
}

async fn delete(
    reaper: &Reaper<'_>,
    ledger: &Ledger,
    steps: &mut [Step],
    interrupt: &Interrupt,
) -> Result<()> {
    let volumes = interrupt
        .guard(observe::kept_volumes(reaper.session))
        .await?;
    for step in steps {
        if step.decision != Decision::Delete {
            continue;
        }
        interrupt.check()?;
        match reaper.delete(&step.read, ledger, &volumes).await {
            Ok(Ended::Done(outlived_by)) => {
                step.action = Action::Deleted;
                if !outlived_by.is_empty() {
                    step.detail = format!("outlived by {}", outlived_by.join(", "));
                }
            }
            Ok(Ended::Overtaken) => {
                step.action = Action::Changed;
                "changed in the meantime; kept".clone_into(&mut step.detail);
            }
            Ok(Ended::Gone) => step.action = Action::Going,
            Err(error) if error.kind() == Kind::Incomplete => return Err(error),
            Err(error) => {
                step.action = Action::Failed;
                step.detail = error.headline();
            }
        }
    }
    Ok(())
}
