//! `kubectl ns-claim doctor`: is everything as it was installed, and does the guard deny?

use std::time::Duration;

use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs, OutputArgs};
use groundcrew::ui::Ui;
use jiff::Timestamp;

use super::cluster::{Part, Standing};
use super::probe;
use super::report::{Line, Report};
use super::stages::{Stages, look};
use crate::{index, view};

/// How long the guard may take to deny when it should do so already.
const PATIENCE: Duration = Duration::from_secs(3);
/// A reaper that has not been there for so long is not there.
const SILENCE: Duration = Duration::from_secs(86_400);

/// Check the guard, the rights and the reaper
///
/// Names what is missing or altered (exit 3), and tries the guard out as a claimer would, in dry
/// runs. Nothing is written.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// Checks.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: DoctorArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    let session = client::connect(&args.kube, &crate::product(), ui).await?;
    let (index, clock) = interrupt.guard(index::read(&session)).await?;
    if !index.installed {
        ui.status("nothing is installed: only admins can claim.");
        ui.hint("kubectl ns-claim install");
        return Ok(Exit::No);
    }
    let settings = index.settings.clone();
    let guarded = settings.self_service;
    let scheduled = settings.image.is_some();
    let parts = interrupt
        .guard(look(&session, Stages::of(&settings)?.all()))
        .await?;
    let mut findings: Vec<String> = Vec::new();
    let lines: Vec<Line> = parts
        .iter()
        .map(|part| Line {
            object: part.title(),
            state: match part.standing {
                Standing::Unchanged => "ok",
                Standing::Missing => "missing",
                Standing::Altered => "altered",
            },
        })
        .collect();
    let damaged = parts
        .iter()
        .any(|part| part.standing != Standing::Unchanged);
    let open = parts
        .iter()
        .any(|part| part.is_guard() && part.standing != Standing::Unchanged);
    if open {
        findings.push(
            "the guard is not what was installed: claimers may do more than they should".to_owned(),
        );
    }
    let mut guard_denies = None;
    if guarded {
        let probe = probe::connect(&args.kube, ui).await?;
        let tried = interrupt
            .guard(probe::all_deny(&probe, &settings, clock.now(), PATIENCE))
            .await;
        guard_denies = Some(tried.is_ok());
        if let Err(error) = tried {
            findings.push(words(&error));
        }
    }
    if let Err(error) = clock.check() {
        findings.push(words(&error));
    }
    if scheduled {
        findings.extend(silent(&parts, clock.now()));
    } else {
        ui.status("no reaper is scheduled; claims end when somebody reaps.");
    }
    let report = Report {
        objects: lines,
        guard_denies,
        settings,
    };
    ui.answer(report.render(&args.output, false)?)?;
    for finding in &findings {
        ui.warning(finding);
    }
    session.finish()?;
    if damaged || !findings.is_empty() {
        ui.hint("put it back:  kubectl ns-claim install");
        return Ok(Exit::No);
    }
    ui.status(if guarded {
        "everything is as it was installed, and the guard denies."
    } else {
        "everything is as it was installed; only admins can claim."
    });
    Ok(Exit::Done)
}

fn words(error: &Error) -> String {
    std::iter::once(error.to_string())
        .chain(error.details().iter().cloned())
        .collect::<Vec<_>>()
        .join(": ")
}

/// Says when the reaper has not succeeded for long.
fn silent(parts: &[Part], now: Timestamp) -> Option<String> {
    let found = parts
        .iter()
        .filter(|part| part.wanted["kind"] == "CronJob")
        .find_map(|part| part.found.as_ref())?;
    let moment = |value: &serde_json::Value| value.as_str()?.parse::<Timestamp>().ok();
    let status = &found.data["status"];
    let since = moment(&status["lastSuccessfulTime"]).or(found
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0))?;
    if found.data["spec"]["suspend"] == true {
        return Some("the reaper is suspended".to_owned());
    }
    (view::between(since, now) > SILENCE)
        .then(|| format!("the reaper has not succeeded since {since}"))
}
