//! `kubectl ns-claim reap`: warn, wait, delete; by hand, in CI or in the CronJob.

mod apply;
mod decide;
mod observe;
mod render;
mod rights;

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;

use super::answer;
use crate::cluster::{ending, tombstones};
use crate::model::ledger::{Advance, Ledger, advance, is_recorded};
use crate::model::meta;
use crate::model::objects::record;
use crate::model::steps::Outcome;
use apply::{Ended, Reaper};
use decide::{
    Action, Decision, Problem, Report, Rules, Step, What, decide, oldest_first, records, report,
};
use observe::Observed;

/// Warn about expiring claims and delete expired ones
///
/// A claim is deleted only if it carries the claim label, is on record, is not protected, is not a
/// system namespace, its owner was warned of this expiry, the grace period is over, and nobody
/// changed it since it was last read. Everything else is kept; problems are reported (exit 3).
///
/// A run deletes at most --max-deletes claims, the ones that expired first; if more are due, they are
/// named, and the next runs go on (exit 4). All times are the API server's.
#[derive(Args, Debug)]
pub struct ReapArgs {
    /// How long before the expiry owners are warned [default: the installation's, 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    warn: Option<Span>,

    /// Grace period after the warning [default: the installation's, 30m]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Span>,

    /// Delete at most this many claims in one run [default: the installation's, 20]
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
    let mut report = report(steps, dry_run != DryRun::None);
    report.problems = broken(&observed);
    let reaper = Reaper {
        session: &session,
        interrupt,
        rules: &rules,
        observed: &observed,
        dry_run,
    };
    warn(&reaper, &mut report.rows, interrupt).await?;
    hasten(&reaper, &mut report.rows, interrupt).await?;
    let mut next = advance(
        &observed.kept.ledger,
        &observed.claims,
        &observed.requests,
        &observed.index,
        now,
    );
    interrupt.check()?;
    // What cannot be written down keeps nobody's claim.
    match prune(&reaper, args.keep_records, &mut next, now).await {
        Ok(removed) => report.records_removed = removed,
        Err(error) => report
            .problems
            .push(problem("configmaps".to_owned(), error)?),
    }
    let places = remember(&reaper, &next, frame, &mut report.problems).await?;
    let asked = dry_run != DryRun::None || args.write.yes;
    let due = oldest_first(&report.rows);
    let deletes = max_deletes > 0
        && !due.is_empty()
        && (asked || ui.confirm(&question(&report.rows, &due, max_deletes))?);
    if deletes {
        delete(&reaper, &next.ledger, &mut report.rows, &due, max_deletes).await?;
    }
    report.stopped = left(&report) > 0 && report.due > max_deletes as usize;
    if let Err(error) = reaper.free(&places).await {
        report.problems.push(problem(record(meta::INDEX), error)?);
    }
    // A run that was told to leave what is due is none that claims can count on.
    if (deletes || due.is_empty())
        && let Err(error) = reaper.ran().await
    {
        report.problems.push(problem(record(meta::INDEX), error)?);
    }
    ui.answer(render::report(&report, &args.output, now, dry_run)?)?;
    if report.stopped {
        return Err(too_many(&report, max_deletes));
    }
    session.finish()?;
    Ok(report.exit())
}

/// Returns how many claims are due and were left for the next run.
fn left(report: &Report) -> usize {
    let rows = report.rows.iter();
    rows.filter(|row| row.action == Action::Due).count()
}

/// Returns an error as what a run names and goes on after; an interrupt is none.
fn problem(object: String, error: Error) -> Result<Problem> {
    if error.kind() == Kind::Interrupted {
        return Err(error);
    }
    let why = std::iter::once(error.headline())
        .chain(error.details().iter().cloned())
        .collect::<Vec<_>>();
    Ok(Problem {
        object,
        why: why.join(": "),
    })
}

/// Returns the parts of the ledger that cannot be read. They are left as they are.
fn broken(observed: &Observed) -> Vec<Problem> {
    let broken = observed.kept.broken.iter();
    broken
        .map(|(name, why)| Problem {
            object: record(name),
            why: format!(
                "the reaper's ledger cannot be read ({why}); review it, or start a new one: \
                 kubectl delete configmap {name} -n {SYSTEM_NAMESPACE}"
            ),
        })
        .collect()
}

/// Decides about every claim.
fn steps(observed: &Observed, rules: &Rules, now: Timestamp) -> Vec<Step> {
    let step = |claim| {
        let recorded = is_recorded(claim, &observed.index, &observed.kept.ledger);
        let decision = decide(claim, recorded, rules, now);
        Step::new(claim, decision, &rules.settings, now)
    };
    observed.claims.iter().map(step).collect()
}

fn too_many(report: &Report, max_deletes: u32) -> Error {
    let due = report.due;
    Error::new(
        Kind::Incomplete,
        format!(
            "{due} {} due at once, more than --max-deletes {max_deletes}; {} left for the next run",
            if due == 1 { "claim is" } else { "claims are" },
            left(report)
        ),
    )
    .with_hint("review them:  kubectl ns-claim reap --dry-run")
    .with_hint(format!(
        "to delete them now:  kubectl ns-claim reap --max-deletes {due}"
    ))
}

fn question(steps: &[Step], due: &[usize], max_deletes: u32) -> String {
    let names: Vec<&str> = due
        .iter()
        .take(max_deletes as usize)
        .map(|row| steps[*row].read.name.as_str())
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
            Ok(Ended::Overtaken | Ended::Lost) => step.action = Action::Changed,
            Ok(Ended::Gone) => step.action = Action::Going,
            Err(error) => {
                step.action = Action::Failed;
                step.detail = error.headline();
            }
        }
    }
    Ok(())
}

/// Ends the pods that would keep what is going for longer than a sweep.
async fn hasten(reaper: &Reaper<'_>, steps: &mut [Step], interrupt: &Interrupt) -> Result<()> {
    for step in steps {
        if step.read.terminating.is_none() {
            continue;
        }
        interrupt.check()?;
        match reaper.hasten(&step.read).await {
            Ok(pods) if pods.is_empty() => {}
            Ok(pods) => {
                let what = format!("grace of pods shortened: {}", pods.join(", "));
                step.detail = match step.detail.as_str() {
                    "" => what,
                    before => format!("{before}; {what}"),
                };
            }
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
    if keep.is_none() && !tombstones::is_time(reaper.observed.kept.ledger.pruned_at, now) {
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

/// Writes down what this run saw, and collects what could not be written; returns the places that
/// are to be freed.
async fn remember(
    reaper: &Reaper<'_>,
    next: &Advance,
    frame: &Frame,
    problems: &mut Vec<Problem>,
) -> Result<Vec<(String, String)>> {
    let ended: Result<Vec<ConfigMap>> = next.ended.iter().map(tombstones::map).collect();
    let kept = &reaper.observed.kept;
    let before = kept
        .shards
        .iter()
        .map(|(name, (_, part))| (name.clone(), part.clone()));
    let mut records = records(next, ended?, &before.collect())?;
    // What cannot be read is somebody's to look at, and not to be written over.
    records.retain(|step| match &step.what {
        What::Ledger(name, _) => !kept.broken.contains_key(name),
        _ => true,
    });
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
        match reaper.record(record).await {
            Ok(outcome) => answer::told(&frame.ui, record.object(), outcome, reaper.dry_run),
            Err(error) => problems.push(problem(record.object(), error)?),
        }
    }
    let places = records.into_iter().filter_map(|step| match step.what {
        What::Free { name, owner } => Some((name, owner)),
        _ => None,
    });
    Ok(places.collect())
}

/// Deletes what is due, until as many went as one run may delete; what is refused does not count.
async fn delete(
    reaper: &Reaper<'_>,
    ledger: &Ledger,
    steps: &mut [Step],
    due: &[usize],
    max_deletes: u32,
) -> Result<()> {
    let volumes = reaper
        .interrupt
        .guard(ending::kept_volumes(reaper.session))
        .await?;
    let mut deleted = 0;
    for row in due {
        let step = &mut steps[*row];
        if deleted >= max_deletes {
            "waits for the next run: --max-deletes".clone_into(&mut step.detail);
            continue;
        }
        reaper.interrupt.check()?;
        match reaper.delete(&step.read, ledger, &volumes).await {
            Ok(Ended::Done(outlived_by)) => {
                deleted += 1;
                step.action = Action::Deleted;
                if !outlived_by.is_empty() {
                    step.detail = format!("outlived by {}", outlived_by.join(", "));
                }
            }
            Ok(Ended::Overtaken) => {
                step.action = Action::Changed;
                "changed in the meantime; kept".clone_into(&mut step.detail);
            }
            Ok(Ended::Lost) => {
                step.action = Action::Attention;
                "is due, and was changed each time before it could be deleted"
                    .clone_into(&mut step.detail);
            }
            Ok(Ended::Gone) => step.action = Action::Going,
            Err(error) if matches!(error.kind(), Kind::Incomplete | Kind::Interrupted) => {
                return Err(error);
            }
            Err(error) => {
                step.action = Action::Failed;
                step.detail = error.headline();
            }
        }
    }
    Ok(())
}
