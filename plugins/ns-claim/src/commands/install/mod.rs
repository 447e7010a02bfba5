//! `kubectl ns-claim install`: the guard, the rights, the reaper.

mod render;
mod settings;

use std::time::Duration;

use clap::Args;
use groundcrew::app::{Frame, Interrupt};
use groundcrew::client::Session;
use groundcrew::client::access::{self, Access};
use groundcrew::client::errors::failed;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, Format, OutputArgs, WriteArgs};
use groundcrew::ui::Ui;

use super::answer::{Line, Report};
use crate::cluster::installation::added::{self, Added};
use crate::cluster::installation::part::Part;
use crate::cluster::installation::{check, objects, probe};
use crate::cluster::server;
use crate::model::installation::reaper;
use crate::model::installation::stages::Stages;
use crate::model::meta;
use crate::model::settings::Settings;
use crate::model::steps::Outcome;
use render::{manifests, summary};
use settings::SettingsArgs;

/// How long a changed policy may take to be in force: about a second was measured.
const TAKES_EFFECT: Duration = Duration::from_secs(2);
/// The role that a hint would create for a user who lacks rights.
const INSTALLER: &str = "claim-installer";
/// How long the guard may take to deny.
const PATIENCE: Duration = Duration::from_secs(30);

/// Install the guard, the roles and the reaper, so that users can claim
///
/// Policies of the API server (the guard) restrict claimers to their own claims; they are in force
/// and tested before anyone is allowed to claim. Members of the group groundcrew:claimers can
/// claim. A second run leaves unchanged objects alone, restores altered ones, and keeps the
/// settings of earlier runs that are not given.
///
/// With --image, the reaper runs as a CronJob. Without one, run `kubectl ns-claim reap --yes`
/// regularly, in CI for example, and say so with --no-reaper, which deletes the CronJob of an
/// earlier run. With -o yaml the manifests are printed and nothing is written.
#[derive(Args, Debug)]
pub struct InstallArgs {
    #[command(flatten)]
    settings: SettingsArgs,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Installs.
///
/// # Errors
///
/// What the server says, and that the guard does not deny; claimers have no right then.
pub async fn run(args: InstallArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    if args.output.format == Format::Yaml {
        let settings = args.settings.over(Settings::default(), false)?;
        ui.answer(manifests(&Stages::of(&settings)?.all())?)?;
        return Ok(Exit::Done);
    }
    let session = frame.connect().await?;
    let (before, clock) = interrupt.guard(check::index(&session, INSTALLER)).await?;
    let settings = args
        .settings
        .over(before.settings.clone(), before.installed)?;
    if settings.self_service {
        check_version(&session).await?;
    } else if before.installed && before.settings.self_service {
        return Err(
            Error::usage("this would remove the guard that restricts claimers").with_hint(
                "kubectl ns-claim uninstall, then kubectl ns-claim install --guard none",
            ),
        );
    }
    let settings = match (settings.self_service, args.write.dry_run) {
        // A client dry run sends no write, tried ones included.
        (true, DryRun::None | DryRun::Server) => {
            let added =
                interrupt.guard(async { Ok(added::look(&session, &settings, clock.now()).await) });
            let added = added.await?;
            learn(settings, added, ui)
        }
        _ => settings,
    };
    let stages = Stages::of(&settings)?;
    let guarded = settings.self_service;
    let mut lines = Vec::new();
    let dry_run = args.write.dry_run;
    let mut guard_denies = None;
    let ground = [stages.ground, stages.guard, stages.rights].concat();
    let grant = [stages.grant, stages.reaper].concat();
    let look = async {
        let mut parts = objects::look_at_all(&session, [ground.clone(), grant].concat()).await?;
        let mut wanted: Vec<Access> = parts.iter().filter_map(Part::right_to_put).collect();
        let unwanted = schedules(&session, &settings).await?;
        wanted.extend(unwanted.iter().filter_map(Part::right_to_delete));
        if parts
            .iter()
            .any(|part| part.is_guard() && !part.is_unchanged())
        {
            wanted.extend(check::rights_to_parameters(&session));
        }
        if guarded {
            wanted.push(Access::new("impersonate", "users").named(meta::PROBE_USER));
        }
        let mut missing = access::missing(&session, &wanted).await?;
        missing.extend(check::missing_binds(&session, &parts).await?);
        missing.extend(check::missing_escalations(&session, &parts).await?);
        access::refuse(&session, &missing, INSTALLER).await?;
        // A client dry run sends no write, tried ones included.
        if dry_run != DryRun::Client {
            check::writes(&session, &parts).await?;
        }
        let grant = parts.split_off(ground.len());
        Ok::<_, Error>((parts, grant, unwanted))
    };
    let (ground, grant, unwanted) = interrupt.guard(look).await?;
    let changed = put_all(&session, &ground, dry_run, &mut lines, interrupt).await?;
    if guarded && dry_run == DryRun::None {
        if changed {
            tokio::time::sleep(TAKES_EFFECT).await;
        }
        let probe = probe::connect(&frame.kube, &frame.product, ui).await?;
        probe::try_all(&probe, interrupt, &settings, clock.now(), PATIENCE)
            .await
            .and_then(probe::Tried::denies)
            .map_err(|error| error.with_detail("this run grants nobody the right to claim"))?;
        guard_denies = Some(true);
    }
    put_all(&session, &grant, dry_run, &mut lines, interrupt).await?;
    for part in unwanted {
        interrupt.check()?;
        if dry_run != DryRun::Client {
            objects::delete(&session, &part, dry_run).await?;
        }
        lines.push(Line {
            object: part.title(),
            state: part.removal(),
        });
    }
    let report = Report {
        objects: lines,
        guard_denies,
        settings,
    };
    ui.answer(report.render(&args.output, dry_run)?)?;
    if !matches!(args.output.format, Format::Json | Format::Name) {
        ui.answer(summary(&report, dry_run))?;
    }
    if report.settings.image.is_none() && !report.settings.reaped_elsewhere {
        ui.warning(
            "no reaper is scheduled: claims expire only when someone runs `kubectl ns-claim reap`",
        );
        ui.hint(
            "run kubectl ns-claim install --image REF, or `kubectl ns-claim reap --yes` in CI and \
             kubectl ns-claim install --no-reaper",
        );
    }
    session.finish()?;
    Ok(Exit::Done)
}

/// Looks for the CronJob of an earlier run where the reaper runs elsewhere from now on: two reapers
/// would be safe, and the old one would go on with an image that nobody looks after.
async fn schedules(session: &Session, settings: &Settings) -> Result<Vec<Part>> {
    if !settings.reaped_elsewhere {
        return Ok(Vec::new());
    }
    let scheduled = Settings {
        image: Some("none".to_owned()),
        ..settings.clone()
    };
    let job = reaper::cron_job(&scheduled).into_iter().collect();
    let mut parts = objects::look_at_all(session, job).await?;
    parts.retain(|part| part.found.is_some());
    Ok(parts)
}

/// Takes up which keys the cluster itself adds to namespaces, so that the guard lets them through.
fn learn(mut settings: Settings, added: Result<Added>, ui: &Ui) -> Settings {
    match added {
        Ok(added) => {
            if !added.keys.is_empty() {
                ui.status(format_args!(
                    "the cluster adds to namespaces: {}; claims keep it.",
                    added.keys.join(", ")
                ));
            }
            if let Some(level) = &added.pod_security {
                ui.warning(format_args!(
                    "a policy of the cluster makes the pod security of new namespaces {level}; nobody \
                     can claim until it leaves out namespaces with the label {}",
                    meta::CLAIM.0
                ));
            }
            settings.added_keys = added.acted_upon();
            settings
                .added_keys
                .retain(|key| !key.starts_with("pod-security."));
        }
        // Who may not make namespaces is told so by the check of rights.
        Err(error) if error.is_forbidden() && error.to_string().contains("cannot create") => {}
        Err(error) => ui.warning(format_args!(
            "the cluster does not take the namespace of a claim: {error}"
        )),
    }
    settings
}

/// Checks that the server can keep claimers to their own claims.
async fn check_version(session: &Session) -> Result<()> {
    let version = server::version(session)
        .await
        .map_err(failed("get", "version"))?;
    if version.can_guard {
        return Ok(());
    }
    Err(Error::failed(format!(
        "this server is {}: before Kubernetes 1.30 it cannot restrict claimers to their own claims",
        version.text
    ))
    .with_detail("only admins and CI can claim on it")
    .with_hint("kubectl ns-claim install --guard none"))
}

/// Writes what is not as it should be; says whether there was anything.
async fn put_all(
    session: &Session,
    parts: &[Part],
    dry_run: DryRun,
    lines: &mut Vec<Line<Outcome>>,
    interrupt: &Interrupt,
) -> Result<bool> {
    let mut changed = false;
    for part in parts {
        let state = part.put();
        if state != Outcome::Unchanged {
            changed = true;
            interrupt.check()?;
            if dry_run == DryRun::None {
                objects::put(session, part).await?;
            }
        }
        lines.push(Line {
            object: part.title(),
            state,
        });
    }
    Ok(changed)
}
