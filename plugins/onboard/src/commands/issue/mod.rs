//! `kubectl onboard USER`: asks, looks, agrees, carries out and answers.

pub mod answer;
pub mod args;
pub mod as_user;
pub mod ask;
pub mod login;
pub mod setup;
pub mod smoke;

use std::time::Instant;

use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::finding::reason;
use groundcrew::flags::DryRun;

use crate::cluster::endpoint::Cache;
use crate::cluster::onboarding::onboarder::{Onboarder, may, prepare};
use crate::commands::answer::warn;
use crate::commands::issue::answer::Answer;
use crate::commands::issue::args::IssueArgs;
use crate::commands::issue::as_user::AsUser;
use crate::local::delivery::Files;
use crate::model::change::{self, Line};
use crate::model::onboarding::decide::not_their_own;
use crate::model::onboarding::options::{Home, Options, Task};
use crate::model::onboarding::preview::preview;
use crate::model::onboarding::report::Report;
use crate::model::settings::{DEFAULT_ROLE, Membership};

/// Onboards: what is missing is asked for on a terminal first.
///
/// # Errors
///
/// Why nothing, or not everything, was done.
pub async fn run(args: IssueArgs, frame: &Frame) -> Result<Exit> {
    let ui = &frame.ui;
    if !args.is_to_be_asked(ui) {
        let consent = if args.is_to_confirm(ui) {
            Consent::ForSomebodyNew
        } else {
            Consent::Given
        };
        let (options, as_user) = args.resolve(&frame.kube)?;
        return onboard(options, &as_user, &consent, frame).await;
    }
    let typed = std::env::args_os().skip(1);
    let typed: Vec<String> = typed
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let (args, line) = args.ask(&typed, ui)?;
    let (options, as_user) = args.resolve(&frame.kube)?;
    onboard(options, &as_user, &Consent::For(line), frame).await
}

/// What is asked before anything is written.
enum Consent {
    /// Nothing: nobody is there to answer, or somebody said `--yes`.
    Given,
    /// Whether to onboard somebody who has no record: a name may be mistyped.
    ForSomebodyNew,
    /// Whether to do what this command line does.
    For(String),
}

/// Offers a role in a namespace that was named as the user's own and is somebody else's: what was
/// meant is a colleague in a team's namespace.
fn in_the_team(error: Error, mut options: Options, frame: &Frame) -> Result<Options> {
    let own = options.own();
    let role = own.and_then(|own| own.role.as_deref());
    let role = role.unwrap_or(DEFAULT_ROLE).to_owned();
    let may_ask = frame.ui.is_interactive() && options.dry_run == DryRun::None;
    let namespace = not_their_own(&error).map(str::to_owned);
    let user = options.user.to_string();
    let (Some(namespace), true, Task::Issue(wish)) = (namespace, may_ask, &mut options.task) else {
        return Err(error);
    };
    frame.ui.status(format_args!("{}.", reason(&error)));
    let question =
        format!("Give {user} ClusterRole {role} in {namespace}, without a namespace of their own?");
    frame.confirm(&question, false)?;
    wish.home = Home::None;
    wish.joins.push(Membership { namespace, role });
    Ok(options)
}

async fn onboard(
    options: Options,
    as_user: &AsUser,
    consent: &Consent,
    frame: &Frame,
) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let started = Instant::now();
    let session = interrupt.guard(frame.connect()).await?;
    let me = interrupt.guard(may(&session, &[&options])).await?;
    let cache = Cache::default();
    let mut options = options;
    let looked = interrupt
        .guard(prepare(&session, &options, &Files, &cache))
        .await;
    let mut prepared = match looked {
        Ok(prepared) => prepared,
        Err(error) => {
            options = in_the_team(error, options, frame)?;
            interrupt.guard(may(&session, &[&options])).await?;
            let looking = prepare(&session, &options, &Files, &cache);
            interrupt.guard(looking).await?
        }
    };
    let options = &options;
    let onboarder = Onboarder {
        session: &session,
        me: &me,
        tuning: frame.kube.tuning(),
        delivery: &Files,
        ui,
        interrupt,
    };
    let ready = as_user.check(&session, options, &prepared.plan);
    let ready = interrupt.guard(ready).await?;
    let lines = || -> Vec<Line> {
        let mut lines: Vec<Line> = prepared.steps.lines().cloned().collect();
        lines.extend(as_user.lines(options.user.as_str()));
        lines
    };
    match consent {
        Consent::For(line) => agree(options, &lines(), line, frame)?,
        Consent::ForSomebodyNew
            if prepared.observed.record.is_none() && options.dry_run == DryRun::None =>
        {
            let text = change::text(&lines(), DryRun::Client.suffix());
            ui.status(text.trim_end());
            frame.confirm(&format!("Onboard {}, who is new?", options.user), false)?;
        }
        Consent::Given | Consent::ForSomebodyNew => {}
    }
    if options.dry_run != DryRun::None {
        let mut lines = onboarder.run(options, &prepared).rehearse().await?;
        lines.extend(as_user.lines(options.user.as_str()));
        if options.dry_run == DryRun::Server && as_user.is_asked_for() {
            ui.status(
                "not checked: steps run as the user, because a dry run issues no kubeconfig.",
            );
        }
        ui.answer(preview(options, &prepared.plan, &lines)?)?;
        return Ok(Exit::Done);
    }
    warn(&prepared, ui);
    let outcome = onboarder.carry_out(options, &mut prepared).await?;
    let (plan, now) = (&prepared.plan, prepared.now);
    let done = as_user.run(&onboarder, options, plan, &outcome, ready.as_ref());
    let done = done.await;
    let requests = session.requests() + outcome.requests_as_user + done.requests;
    let observed = &prepared.observed;
    let elapsed = started.elapsed();
    let report = Report::new(options, plan, outcome, observed, elapsed, requests, now);
    let answer = Answer {
        report: &report,
        setup: done.setup,
        smoke: done.smoke,
    };
    ui.answer(answer.render(&options.output)?)?;
    if let Some(error) = done.error {
        return Err(error);
    }
    session.finish()?;
    Ok(answer.exit())
}

/// Shows what would be done and the command that does it, and asks whether to go on.
fn agree(options: &Options, lines: &[Line], line: &str, frame: &Frame) -> Result<()> {
    let dry_run = options.dry_run != DryRun::None;
    if !dry_run {
        let text = change::text(lines, DryRun::Client.suffix());
        frame.ui.status(text.trim_end());
    }
    frame
        .ui
        .status(format_args!("Without questions:\n  {line}"));
    frame.confirm("Go on?", dry_run)
}
