//! `kubectl ns-claim install`, `uninstall` and `doctor`: the guard, the rights, the reaper.

mod cluster;
mod doctor;
mod guard;
mod probe;
mod reaper;
mod rights;
mod uninstall;

use std::time::Duration;

use clap::{Args, ValueEnum};
use futures::{StreamExt as _, TryStreamExt as _};
use groundcrew::app::Interrupt;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::client::{self, Session};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::duration::{self, Span};
use groundcrew::flags::{DryRun, Format, Globals, KubeArgs, OutputArgs, WriteArgs};
use groundcrew::output::{Document, Kind, Table, json, yaml};
use groundcrew::tenancy::system_namespace;
use groundcrew::ui::Ui;
use serde::Serialize;
use serde_json::Value;

use crate::settings::Settings;
use crate::{index, meta, objects};
use cluster::{Part, Standing};

pub use doctor::{DoctorArgs, run as doctor};
pub use uninstall::{UninstallArgs, run as uninstall};

/// Objects that are read at the same time.
const CONCURRENCY: usize = 8;
/// How long a changed policy may take to be in force: about a second was measured.
const TAKES_EFFECT: Duration = Duration::from_secs(2);
/// How long the guard may take to deny.
const PATIENCE: Duration = Duration::from_secs(30);

/// Let people claim: the guard, their rights, and the reaper
///
/// The server's own policies keep claimers to their own claims; they are in force, and tried out,
/// before anybody gets the right to claim. Claimers are the members of the group
/// groundcrew:claimers. Running it again changes nothing that is as it should be, puts back what
/// was altered, and keeps what an earlier run said and this one does not.
///
/// The reaper runs as a CronJob when --image names one; without, run `kubectl ns-claim reap`
/// regularly in CI. With -o yaml the manifests are printed and nothing is written.
#[derive(Args, Debug)]
pub struct InstallArgs {
    #[command(flatten)]
    settings: SettingsArgs,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    kube: KubeArgs,
}

/// What may differ from one installation to another.
#[derive(Args, Debug)]
#[command(next_help_heading = "Installation")]
struct SettingsArgs {
    /// When the reaper runs, as cron writes it [default: */15 * * * *]
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,

    /// Image of the reaper; without one it is not scheduled
    #[arg(long, value_name = "REF")]
    image: Option<String>,

    /// Claims that one person may hold at once [default: 3]
    #[arg(long, value_name = "COUNT")]
    max_claims: Option<u32>,

    /// Lifetime of a claim that states none [default: 8h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    default_ttl: Option<Span>,

    /// Shortest lifetime [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    min_ttl: Option<Span>,

    /// Longest lifetime, extensions included [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    max_total: Option<Span>,

    /// How long before its end an owner is warned [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::positive)]
    warn: Option<Span>,

    /// How long after the warning nothing is deleted [default: 30m]
    #[arg(long, value_name = "DURATION")]
    grace: Option<Span>,

    /// Delete nothing when more than this many are due at once [default: 20]
    #[arg(long, value_name = "COUNT")]
    max_deletes: Option<u32>,

    /// Who keeps claimers to their own claims: the server's policies, or nobody, and then only
    /// admins and CI may claim [default: vap]
    #[arg(long, value_name = "GUARD", value_enum)]
    guard: Option<Guard>,
}

/// Who keeps claimers to their own claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Guard {
    /// ValidatingAdmissionPolicies, from Kubernetes 1.30 on.
    Vap,
    /// Nobody: only admins and CI may claim.
    None,
}

impl SettingsArgs {
    /// Returns what holds from now on: what is stated, else what held before.
    fn over(&self, before: Settings, installed: bool) -> Result<Settings> {
        let seconds = |span: Option<Span>, before| span.map_or(before, |span| span.0.as_secs());
        let guarded = match self.guard {
            Some(guard) => guard == Guard::Vap,
            None => before.self_service || !installed,
        };
        let settings = Settings {
            min_ttl_seconds: seconds(self.min_ttl, before.min_ttl_seconds),
            default_ttl_seconds: seconds(self.default_ttl, before.default_ttl_seconds),
            max_total_seconds: seconds(self.max_total, before.max_total_seconds),
            warn_seconds: seconds(self.warn, before.warn_seconds),
            grace_seconds: seconds(self.grace, before.grace_seconds),
            max_claims: self.max_claims.unwrap_or(before.max_claims),
            max_deletes: self.max_deletes.unwrap_or(before.max_deletes),
            schedule: self
                .schedule
                .clone()
                .unwrap_or_else(|| before.schedule.clone()),
            image: self.image.clone().or_else(|| before.image.clone()),
            self_service: guarded,
            owner_role: meta::OWNER_ROLE.to_owned(),
            ..before
        };
        settings.check().map_err(Error::usage)?;
        if settings.schedule.split_whitespace().count() != 5 && !settings.schedule.starts_with('@')
        {
            return Err(
                Error::usage(format!("{:?} is no schedule", settings.schedule))
                    .with_hint("--schedule '*/15 * * * *' is every quarter of an hour"),
            );
        }
        Ok(settings)
    }
}

/// Everything that is installed, in the order in which it is made; the grant to claimers last but
/// for the reaper, so that nobody can claim unguarded.
struct Stages {
    ground: Vec<Value>,
    guard: Vec<Value>,
    rights: Vec<Value>,
    grant: Vec<Value>,
    reaper: Vec<Value>,
}

impl Stages {
    fn of(settings: &Settings) -> Result<Self> {
        let value = |object: serde_json::Result<Value>| {
            object.map_err(|error| Error::failed("an object cannot be written").with_source(error))
        };
        let mut index = objects::index();
        let text = serde_json::to_string(settings)
            .map_err(|error| Error::failed("the settings cannot be written").with_source(error))?;
        index.metadata.annotations = Some([(meta::SETTINGS.to_owned(), text)].into());
        let guarded = settings.self_service;
        let mut rights = rights::owners(guarded);
        if guarded {
            rights.extend(rights::claimers_and_probe());
        }
        let mut reaper = rights::reaper();
        reaper.extend(reaper::cron_job(settings));
        Ok(Self {
            ground: vec![
                value(serde_json::to_value(system_namespace(meta::MANAGED_BY)))?,
                value(serde_json::to_value(index))?,
            ],
            guard: if guarded {
                guard::objects(settings)
            } else {
                Vec::new()
            },
            rights,
            grant: if guarded { rights::grant() } else { Vec::new() },
            reaper,
        })
    }

    fn all(self) -> Vec<Value> {
        [
            self.ground,
            self.guard,
            self.rights,
            self.grant,
            self.reaper,
        ]
        .concat()
    }
}

/// What was, or is to be, done with one object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    object: String,
    state: &'static str,
}

/// How an installation stands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    objects: Vec<Line>,
    /// Whether every policy was seen to deny; none where there is no guard.
    guard_denies: Option<bool>,
    settings: Settings,
}

impl Report {
    fn render(&self, output: &OutputArgs, all: bool) -> Result<String> {
        match output.format {
            Format::Json => return json(&Document::new(Kind::ClaimInstallReport, self)),
            Format::Yaml => return yaml(&Document::new(Kind::ClaimInstallReport, self)),
            Format::Name => {
                return Ok(self
                    .objects
                    .iter()
                    .map(|line| format!("{}\n", line.object))
                    .collect());
            }
            Format::Table | Format::Wide => {}
        }
        let mut table = Table::new((!output.no_headers).then_some(&["OBJECT", "STATE"]));
        let wide = all || output.format == Format::Wide;
        let shown: Vec<&Line> = self
            .objects
            .iter()
            .filter(|line| wide || !matches!(line.state, "unchanged" | "ok"))
            .collect();
        for line in &shown {
            table.row([line.object.as_str(), line.state]);
        }
        Ok(if shown.is_empty() {
            String::new()
        } else {
            table.render()
        })
    }
}

/// Looks at every object.
async fn look(session: &Session, wanted: Vec<Value>) -> Result<Vec<Part>> {
    futures::stream::iter(wanted)
        .map(|object| cluster::look(session, object))
        .buffered(CONCURRENCY)
        .try_collect()
        .await
}

/// Installs.
///
/// # Errors
///
/// What the server says, and that the guard does not deny; claimers have no right then.
pub async fn run(args: InstallArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    if args.output.format == Format::Yaml {
        let settings = args.settings.over(Settings::default(), false)?;
        ui.answer(manifests(&Stages::of(&settings)?.all())?)?;
        return Ok(Exit::Done);
    }
    let session = client::connect(&args.kube, &crate::product(), ui).await?;
    let (before, clock) = interrupt.guard(index::read(&session)).await?;
    let settings = args
        .settings
        .over(before.settings.clone(), before.installed)?;
    if settings.self_service {
        check_version(&session).await?;
    } else if before.installed && before.settings.self_service {
        return Err(
            Error::usage("claimers are guarded now, and would not be any more").with_hint(
                "kubectl ns-claim uninstall, then kubectl ns-claim install --guard none",
            ),
        );
    }
    let stages = Stages::of(&settings)?;
    let guarded = settings.self_service;
    let mut lines = Vec::new();
    let dry_run = args.write.dry_run != DryRun::None;
    let mut guard_denies = None;
    let before_grant = [stages.ground, stages.guard, stages.rights].concat();
    let changed = put_all(&session, before_grant, dry_run, &mut lines, interrupt).await?;
    if guarded && !dry_run {
        if changed {
            tokio::time::sleep(TAKES_EFFECT).await;
        }
        let probe = probe::connect(&args.kube, ui).await?;
        interrupt
            .guard(probe::all_deny(&probe, &settings, clock.now(), PATIENCE))
            .await
            .map_err(|error| error.with_detail("nobody has the right to claim by this run"))?;
        guard_denies = Some(true);
    }
    let after = [stages.grant, stages.reaper].concat();
    put_all(&session, after, dry_run, &mut lines, interrupt).await?;
    let report = Report {
        objects: lines,
        guard_denies,
        settings,
    };
    ui.answer(report.render(&args.output, false)?)?;
    if !matches!(args.output.format, Format::Json | Format::Name) {
        ui.answer(summary(&report, dry_run))?;
    }
    if report.settings.image.is_none() {
        ui.warning("no reaper is scheduled: claims end only when somebody reaps");
        ui.hint("kubectl ns-claim install --image REF, or run `kubectl ns-claim reap --yes` in CI");
    }
    session.finish()?;
    Ok(Exit::Done)
}

fn summary(report: &Report, dry_run: bool) -> String {
    let settings = &report.settings;
    let changed = report
        .objects
        .iter()
        .filter(|line| line.state != "unchanged")
        .count();
    let dry = if dry_run { " (dry run)" } else { "" };
    let who = if settings.self_service {
        format!("the group {} may claim", meta::CLAIMERS_GROUP)
    } else {
        "only admins may claim".to_owned()
    };
    format!(
        "{changed} of {} objects changed{dry}; {who}: {} at once, {} by default, {} in all.\n",
        report.objects.len(),
        settings.max_claims,
        settings.default_ttl(),
        settings.max_total()
    )
}

/// Writes what is not as it should be; says whether there was anything.
async fn put_all(
    session: &Session,
    wanted: Vec<Value>,
    dry_run: bool,
    lines: &mut Vec<Line>,
    interrupt: &Interrupt,
) -> Result<bool> {
    let mut changed = false;
    for part in interrupt.guard(look(session, wanted)).await? {
        if part.standing != Standing::Unchanged {
            changed = true;
            if interrupt.is_set() {
                return Err(Error::interrupted());
            }
            if !dry_run {
                cluster::put(session, &part).await?;
            }
        }
        lines.push(Line {
            object: part.title(),
            state: match part.standing {
                Standing::Unchanged => "unchanged",
                Standing::Missing => "created",
                Standing::Altered => "configured",
            },
        });
    }
    Ok(changed)
}

/// Policies are there from Kubernetes 1.30 on.
async fn check_version(session: &Session) -> Result<()> {
    let version = session
        .client
        .apiserver_version()
        .await
        .map_err(|error| explain(error, &Doing::new("get", "version")))?;
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or_default()
    };
    if (number(&version.major), number(&version.minor)) >= (1, 30) {
        return Ok(());
    }
    Err(Error::failed(format!(
        "this server is {}: before Kubernetes 1.30 it cannot keep claimers to their own claims",
        version.git_version
    ))
    .with_detail("only admins and CI can claim on it")
    .with_hint("kubectl ns-claim install --guard none"))
}

fn manifests(objects: &[Value]) -> Result<String> {
    let mut text = String::new();
    for object in objects {
        text.push_str("---\n");
        text.push_str(&yaml(object)?);
    }
    Ok(text)
}
