//! The answer for people.

use std::time::Duration;

use groundcrew::app::Frame;
use groundcrew::client::clock::Clock;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::finding::{Finding, Unseen};
use groundcrew::flags::duration::Span;
use groundcrew::flags::{DryRun, Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use groundcrew::ui::Ui;
use serde::Serialize;
use serde_json::Value;

use crate::cluster::records::Stored;
use crate::drive::driver::Drive;
use crate::drive::plan::ahead;
use crate::drive::plan::foresee::{self, Driven, Foreseen, Pace};
use crate::drive::plan::{Plan, text};
use crate::drive::rollout::Reached;
use crate::drive::session::Open;
use crate::drive::this_process;
use crate::model::change;
use crate::model::findings::owners::git_owner;
use crate::model::kind::Kind;
use crate::model::machine::next::End;
use crate::model::machine::place;
use crate::model::record::{Failure, Record};
use crate::model::snapshot::Snapshot;
use crate::model::state::Phase;
use crate::model::status::{Judged, SAME_IMAGE, Status};
use crate::model::steps::Step;
use crate::model::target::Target;
use crate::model::verdict::judge::Decision;
use crate::model::verdict::judgment;
use crate::model::verdict::settings::Unit;
use crate::model::verdict::windows::Count;
use crate::model::weight::Weight;
use groundcrew::plural::count;

/// Says in words and by exit code how a canary that was rolled back by itself ended.
#[must_use]
pub fn rolled_back(failure: Failure) -> (&'static str, Exit) {
    match failure {
        Failure::Bad => ("the canary is bad and was rolled back", Exit::No),
        Failure::Untried => (
            "the canary could not be tried and was rolled back",
            Exit::Incomplete,
        ),
    }
}

/// Returns the table of a status.
#[must_use]
pub fn table(status: &Status, headers: bool) -> String {
    let names = ["ARM", "HASH", "PODS", "READY", "SHARE", "RESTARTS", "IMAGE"];
    let mut table = Table::new(headers.then_some(&names[..]));
    let share = status.effective.percent;
    for (arm, side, share) in [
        ("stable", &status.stable, share.map(Weight::rest)),
        ("canary", &status.canary, share),
    ] {
        if side.hash.is_none() {
            continue;
        }
        table.row([
            arm,
            side.hash.as_deref().unwrap_or_default(),
            &side.replicas.to_string(),
            &side.ready.to_string(),
            &share.map(|share| share.to_string()).unwrap_or_default(),
            &side.restarts.to_string(),
            &side.images.join(", "),
        ]);
    }
    let mut text = format!("{}: {}\n", status.deployment, sentence(status));
    text.push_str(&table.render());
    if let Some(traffic) = &status.traffic {
        text.push_str(&format!(
            "traffic: {} of the requests by {} (its pods alone: {})\n",
            traffic.percent,
            traffic.routes.join(", "),
            traffic.pods_percent
        ));
    }
    if status.same_image {
        text.push_str(&format!("note: {SAME_IMAGE}\n"));
    }
    text.push_str(&verdict(&status.verdict, headers));
    text
}

/// Returns what is known of how good a canary is: a sentence, and the counts of both arms.
fn verdict(verdict: &Judged, headers: bool) -> String {
    let mut text = String::new();
    if let Some(dead) = &verdict.dead {
        text.push_str(&format!("dead: {dead}\n"));
    }
    let (Some(judged), Some(why)) = (&verdict.judged, &verdict.why) else {
        return text;
    };
    let word = match judged.decision {
        Decision::Bad { .. } => "bad",
        Decision::Good => "good",
        Decision::Undecided { .. } => "undecided",
    };
    text.push_str(&format!("\nverdict: {word}: {why}\n"));
    let names = ["INDICATOR", "CANARY", "STABLE", "E", "BAD AT"];
    let mut table = Table::new(headers.then_some(&names[..]));
    for finding in &judged.indicators {
        let unit = finding.indicator.unit;
        table.row([
            finding.indicator.name.as_str(),
            &counted(finding.canary, unit),
            &counted(finding.stable, unit),
            &judgment::e_value(finding.e),
            &format!("{:.0}", finding.bad_at),
        ]);
    }
    text.push_str(&table.render());
    if let Some(share) = verdict.achieved_percent {
        text.push_str(&format!("the canary had {share} of the requests\n"));
    }
    for note in &verdict.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

/// Shows bad events and what they are counted against: `3 of 412`, `0 in 20m`.
fn counted(count: Count, unit: Unit) -> String {
    match unit {
        Unit::Requests => format!("{:.0} of {:.0}", count.bad, count.total),
        Unit::PodSeconds => {
            let seconds = Duration::try_from_secs_f64(count.total.round()).unwrap_or_default();
            format!("{:.0} in {}", count.bad, Span(seconds))
        }
    }
}

/// Returns the share of the pods, empty where there are none.
fn share(status: &Status) -> String {
    let share = status.effective.percent;
    share.map(|share| share.to_string()).unwrap_or_default()
}

/// Says in one sentence how it stands.
#[must_use]
pub fn sentence(status: &Status) -> String {
    let share = share(status);
    let asked = status
        .target
        .percent
        .map(|asked| format!(" (asked {asked})"))
        .unwrap_or_default();
    let rest = match () {
        () if status.parked => ", parked",
        () if status.abandoned => ", and nobody is driving it: resume or abort it",
        () => "",
    };
    match status.phase {
        Phase::Idle => "no canary".to_owned(),
        Phase::Ramping => format!("creating the canary{asked}{rest}"),
        Phase::Settling => format!("settling at {share}{asked}{rest}"),
        Phase::Holding => format!("holding at {share}{asked}{rest}"),
        Phase::Promoting => format!("promoting{rest}"),
        Phase::Aborting => format!("rolling back{rest}"),
        Phase::Conflict => status
            .conflict
            .clone()
            .unwrap_or_else(|| "someone else changed it".to_owned()),
        Phase::Orphan => "held or marked, but there is no record of a canary".to_owned(),
    }
}

/// Returns the command for the next weight, or for all of it.
fn go_on(status: &Status, target: &Target) -> String {
    let next = [25, 50]
        .map(Weight::percent)
        .into_iter()
        .find(|next| status.parked && status.target.percent.is_some_and(|asked| asked < *next));
    let promote = target.words("promote", "");
    match next {
        Some(next) => format!("{}   (or {promote})", target.words("", &next.to_string())),
        None => promote,
    }
}

/// Returns the lines after a split was reached.
#[must_use]
fn lines(status: &Status, target: &Target) -> String {
    let share = share(status);
    let pods = status.stable.replicas + status.canary.replicas;
    let canaries = count(status.canary.replicas, "canary pod");
    let line = if let Some(traffic) = &status.traffic {
        format!(
            "{} at {share} of the pods, and {} of the requests by {}.   If something else \
             deletes the canary pods, requests routed to them fail until you abort.",
            if status.parked { "parked" } else { "held" },
            traffic.percent,
            traffic.routes.join(", "),
        )
    } else if status.parked {
        format!(
            "parked at {share}: {canaries} of {pods}.   Safe to leave: no process is \
             driving it, and any failure falls back to stable."
        )
    } else {
        format!(
            "held at {share}: {canaries} of {pods}.   Not parked: do not leave it for \
             long, and do not scale it."
        )
    };
    format!(
        "{line}\n  watch       {}\n  go on       {}\n  roll back   {}\n",
        target.words("status", "-w"),
        go_on(status, target),
        target.words("abort", ""),
    )
}

/// Answers what was reached.
///
/// # Errors
///
/// When stdout is gone.
pub fn tell(
    drive: &Drive<'_>,
    reached: &Reached,
    target: &Target,
    output: &OutputArgs,
    ui: &Ui,
) -> Result<Exit> {
    let record = &drive.stored.record;
    let held = matches!(reached.end, End::Parked | End::Held);
    let now = drive.clock.now();
    let status = Status::of(
        target,
        held.then_some(record),
        &drive.watching.cluster,
        now,
        this_process::driving(held.then_some(record), now),
    );
    match output.format {
        Format::Json => ui.answer(json(&status.document())?)?,
        Format::Yaml => ui.answer(yaml(&status.document())?)?,
        Format::Name => ui.answer(format_args!("deployment.apps/{}\n", target.name))?,
        Format::Table | Format::Wide => match reached.end {
            End::Parked | End::Held => ui.answer(lines(&status, target))?,
            End::Promoted => ui.answer(format_args!(
                "promoted: {} of {} pods run the canary's template{}.\n",
                status.stable.replicas,
                status.replicas,
                stayed(drive)
            ))?,
            End::Aborted => ui.answer(restored(drive, record))?,
        },
    }
    if status.same_image {
        ui.warning(SAME_IMAGE);
    }
    if reached.end == End::Promoted
        && let Some(line) = to_commit(record, &drive.watching.cluster)
    {
        ui.warning(line);
    }
    if let Some((failure, reason)) = &reached.failed {
        let (words, exit) = rolled_back(*failure);
        ui.status(format_args!("{words}: {reason}"));
        return Ok(exit);
    }
    if let Some(why) = &reached.undecided {
        ui.status(format_args!("undecided, and held: {why}"));
        return Ok(Exit::Incomplete);
    }
    Ok(Exit::Done)
}

/// Says what became of the canary pods, as far as this run saw it.
fn stayed(drive: &Drive<'_>) -> String {
    let Some(before) = &drive.canaries else {
        return String::new();
    };
    let now = drive.canaries_now();
    match before.intersection(&now).count() {
        all if all == before.len() => "; the canary pods stayed".to_owned(),
        some => format!("; {some} of {} canary pods stayed", before.len()),
    }
}

/// Answers that there is no canary, so that nothing was to do.
///
/// # Errors
///
/// When stdout is gone.
pub fn nothing(open: &Open, what: &str, ui: &Ui) -> Result<Exit> {
    let name = &open.target.name;
    ui.answer(format_args!(
        "deployment {name} has no canary: nothing to {what}.\n"
    ))?;
    open.session.finish()?;
    Ok(Exit::Done)
}

/// Says what to do where Git or a chart keeps the Deployment, since the next sync would roll back what
/// was promoted.
fn to_commit(record: &Record, cluster: &Snapshot) -> Option<String> {
    let owner = git_owner(&cluster.deployment)?;
    let images = change::new_images(&record.original.template, &record.canary);
    let what = if images.is_empty() {
        "the new pod template".to_owned()
    } else {
        images.join(", ")
    };
    Some(format!(
        "{owner} manages this Deployment: commit {what}, or its next sync rolls the promotion back"
    ))
}

fn seen_template(drive: &Drive<'_>) -> Value {
    drive.watching.cluster.deployment["spec"]["template"].clone()
}

/// Names the images of a template that came from somebody else, in brackets.
fn came(record: &Record, template: &Value) -> String {
    let images = change::new_images(&record.original.template, template);
    if images.is_empty() {
        String::new()
    } else {
        format!(" ({})", images.join(", "))
    }
}

/// Compares the Deployment with what it was.
fn restored(drive: &Drive<'_>, record: &Record) -> String {
    let seen = drive.watching.cluster.seen(record, drive.clock.now());
    let differences = place::differences(record, &seen);
    if differences.is_empty() {
        return "aborted: all pods are stable again; 0 differences from the snapshot.\n".to_owned();
    }
    if let (true, Some(keeper)) = (
        differences.contains(&"spec.template"),
        &record.original.keeper,
    ) {
        return format!(
            "aborted: the canary is gone. The template that came meanwhile{} is kept, because \
             {keeper} manages this Deployment: it is rolling out now.\n",
            came(record, &seen_template(drive))
        );
    }
    if differences.contains(&"spec.template") {
        return format!(
            "aborted: the canary is gone; the current template{} is kept and rolls out. Different \
             from the snapshot: {}.\n",
            came(record, &seen_template(drive)),
            differences.join(", ")
        );
    }
    format!(
        "aborted: all pods are stable again; different from the snapshot: {}.\n",
        differences.join(", ")
    )
}

/// Shows a status in the format that was asked for.
///
/// # Errors
///
/// When stdout is gone.
pub fn show(status: &Status, output: &OutputArgs, ui: &Ui) -> Result<()> {
    ui.answer(match output.format {
        Format::Table | Format::Wide => table(status, !output.no_headers),
        Format::Json => json(&status.document())?,
        Format::Yaml => yaml(&status.document())?,
        Format::Name => format!("deployment.apps/{}\n", status.deployment),
    })
}

/// Shows a plan.
///
/// # Errors
///
/// When stdout is gone.
pub fn plan(plan: &Plan, output: &OutputArgs, ui: &Ui) -> Result<()> {
    ui.answer(match output.format {
        Format::Json => json(&Document::new(Kind::CanaryPlan, plan))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryPlan, plan))?,
        Format::Name => format!("deployment.apps/{}\n", plan.deployment),
        Format::Table | Format::Wide => text::plan(plan, !output.no_headers),
    })
}

/// Returns the exit code of a plan.
#[must_use]
pub fn exit(plan: &Plan, is_blocked: bool) -> Exit {
    match () {
        () if is_blocked => Exit::No,
        () if !plan.unseen.is_empty() => Exit::Incomplete,
        () => Exit::Done,
    }
}

/// Tells the steps of a run that was not made.
pub fn steps(foreseen: &Foreseen, dry_run: DryRun, ui: &Ui) {
    for step in &foreseen.steps {
        ui.done(
            step.what(),
            format_args!("{}{}", step.detail(), dry_run.suffix()),
        );
    }
}

/// What a run would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DryRunReport<'a> {
    deployment: &'a str,
    namespace: &'a str,
    end: End,
    stable: i32,
    canary: i32,
    steps: Vec<StepReport>,
    /// Whether the run would end before it writes anything.
    blocked: bool,
    /// Rights that the run takes and that are held.
    rights_held: Vec<String>,
    /// Rights that it takes and that are missing.
    rights_missing: Vec<String>,
    /// What was found.
    findings: &'a [Finding],
    /// What could not be seen.
    unseen: &'a [Unseen],
}

/// One step of it, in words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StepReport {
    what: String,
    detail: String,
}

/// Shows what a command would do with a canary that is there.
///
/// # Errors
///
/// What the run would end with; the server's refusal of a server dry run.
pub async fn foresee(
    open: &Open,
    read: &(Stored, Clock),
    how: (Pace, Driven, &[&str]),
    aim: impl Fn(&mut Record),
    (dry_run, output): (DryRun, &OutputArgs),
    frame: &Frame,
) -> Result<Exit> {
    let look = async {
        let (ahead, cluster) = ahead::onward(open, read, how, aim).await?;
        if dry_run == DryRun::Server && !ahead.is_blocked {
            foresee::check(open, Some(&read.0), &ahead.foreseen, &cluster).await?;
        }
        Ok(ahead)
    };
    let ahead = frame.interrupt.guard(look).await?;
    for line in ahead.notes() {
        frame.ui.status(line);
    }
    let foreseen = &ahead.foreseen;
    if !ahead.is_blocked {
        steps(foreseen, dry_run, &frame.ui);
    }
    let (stable, canary) = (foreseen.world.stable.size, foreseen.world.canary.size);
    let report = DryRunReport {
        deployment: &open.target.name,
        namespace: &open.target.namespace,
        end: foreseen.end,
        stable,
        canary,
        steps: foreseen.steps.iter().map(StepReport::of).collect(),
        blocked: ahead.is_blocked,
        rights_held: ahead.held.iter().map(ToString::to_string).collect(),
        rights_missing: ahead.missing.iter().map(ToString::to_string).collect(),
        findings: &ahead.findings,
        unseen: &ahead.unseen,
    };
    let split = format!(
        "at {}: {} of {}",
        Weight::of(canary, stable + canary),
        count(canary, "canary pod"),
        stable + canary
    );
    frame.ui.answer(match output.format {
        Format::Json => json(&Document::new(Kind::CanaryDryRun, &report))?,
        Format::Yaml => yaml(&Document::new(Kind::CanaryDryRun, &report))?,
        Format::Name => format!("deployment.apps/{}\n", open.target.name),
        Format::Table | Format::Wide if ahead.is_blocked => {
            format!("blocked{}\n", dry_run.suffix())
        }
        Format::Table | Format::Wide => {
            let end = match foreseen.end {
                End::Parked => format!("parked {split}"),
                End::Held => format!("held {split}"),
                End::Promoted => format!("promoted: {}", count(canary, "pod")),
                End::Aborted => format!("aborted: {}", count(stable, "pod")),
            };
            format!("{end}{}\n", dry_run.suffix())
        }
    })?;
    open.session.finish()?;
    Ok(match ahead.is_blocked {
        true => Exit::No,
        false => Exit::Done,
    })
}

/// Says that nothing was done, because of what was found; `done` is what was not.
pub fn blocked(done: &str, ui: &Ui) -> Exit {
    ui.status(format_args!(
        "not {done}: what is blocked above has to be fixed first, or accepted"
    ));
    Exit::No
}

impl StepReport {
    fn of(step: &Step) -> Self {
        Self {
            what: step.what().into_owned(),
            detail: step.detail(),
        }
    }
}
