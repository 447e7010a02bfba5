//! `kubectl ns-claim uninstall`: take the guard, the rights and the reaper away again.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use kube::api::{Patch, PatchParams};

use super::answer::{Line, Report};
use crate::cluster::claims;
use crate::cluster::installation::part::Part;
use crate::cluster::installation::{check, objects};
use crate::cluster::records::records;
use crate::model::installation::stages::Stages;
use crate::model::meta;
use crate::model::objects::record;
use crate::model::settings::Settings;
use crate::model::steps::Outcome;

/// The role that a hint would create for a user who lacks rights.
const UNINSTALLER: &str = "claim-uninstaller";

/// Remove the guard, the roles and the reaper
///
/// The right to claim is removed first and the guard last. Claims, the index and the tombstones
/// stay. Two policies stay too, so that a later installation takes effect at once; without claimers
/// they have no effect. Owners of existing claims lose their rights in them, so this requires
/// confirmation.
#[derive(Args, Debug)]
pub struct UninstallArgs {
    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// One thing that is taken away.
enum Step {
    /// An object.
    Object(Box<Part>),
    /// The settings, which are an annotation of the index; `true` when they are there.
    Settings(bool),
}

/// Uninstalls.
///
/// # Errors
///
/// What the server says.
pub async fn run(args: UninstallArgs, frame: &Frame) -> Result<Exit> {
    let Frame { ui, interrupt, .. } = frame;
    let session = frame.connect().await?;
    let seen = async {
        let (index, _) = check::index(&session, UNINSTALLER).await?;
        let found = claims::labelled(&session).await?;
        Ok((index, found.len()))
    };
    let (index, claims) = interrupt.guard(seen).await?;
    let dry_run = args.write.dry_run;
    if claims > 0 && dry_run == DryRun::None {
        frame.confirm(&question(claims), args.write.yes)?;
    }
    // Whatever the settings say now, an earlier run may have made more.
    let settings = Settings {
        self_service: true,
        image: index
            .settings
            .image
            .clone()
            .or_else(|| Some("none".to_owned())),
        ..index.settings
    };
    let look = async {
        let parts = objects::look_at_all(&session, order(&settings)?).await?;
        let steps = steps(parts, index.installed);
        let wanted: Vec<Access> = steps
            .iter()
            .filter_map(|step| step.right(&session))
            .collect();
        check::rights(&session, &wanted, UNINSTALLER).await?;
        Ok::<_, Error>(steps)
    };
    let mut lines = Vec::new();
    for step in interrupt.guard(look).await? {
        interrupt.check()?;
        lines.push(Line {
            object: step.object(),
            state: match dry_run {
                DryRun::Client => step.outcome(),
                DryRun::Server | DryRun::None => step.carry_out(&session, dry_run).await?,
            },
        });
    }
    let report = Report {
        objects: lines,
        guard_denies: None,
        settings,
    };
    ui.answer(report.render(&args.output, dry_run)?)?;
    ui.status("claims, their index and their tombstones stay in groundcrew-system.");
    ui.status(
        "so do validatingadmissionpolicy/groundcrew-claims-entries and -names, which affect only claimers.",
    );
    session.finish()?;
    Ok(Exit::Done)
}

fn question(claims: usize) -> String {
    match claims {
        1 => "There is 1 claim; its owner loses all rights in it. Continue?".to_owned(),
        _ => format!("There are {claims} claims; their owners lose all rights in them. Continue?"),
    }
}

/// Returns what is taken away, in this order: the right to claim first, the guard last.
fn order(settings: &Settings) -> Result<Vec<serde_json::Value>> {
    let stages = Stages::of(settings)?;
    let mut order = stages.grant;
    order.extend(stages.reaper.into_iter().rev());
    order.extend(stages.rights.into_iter().rev());
    order.extend(stages.guard.into_iter().rev());
    order.retain(|object| !is_kept(object));
    Ok(order)
}

/// The settings go last: as long as they are there, so is what they speak of.
fn steps(parts: Vec<Part>, installed: bool) -> Vec<Step> {
    parts
        .into_iter()
        .map(|part| Step::Object(Box::new(part)))
        .chain([Step::Settings(installed)])
        .collect()
}

impl Step {
    fn object(&self) -> String {
        match self {
            Self::Object(part) => part.title(),
            Self::Settings(_) => record(meta::INDEX),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Object(part) => part.removal(),
            Self::Settings(true) => Outcome::Configured,
            Self::Settings(false) => Outcome::Unchanged,
        }
    }

    /// Returns the right that it takes; none when nothing is to be done.
    fn right(&self, session: &Session) -> Option<Access> {
        match self {
            Self::Object(part) => part.right_to_delete(),
            Self::Settings(true) => Some(records(session).right("patch").named(meta::INDEX)),
            Self::Settings(false) => None,
        }
    }

    async fn carry_out(&self, session: &Session, dry_run: DryRun) -> Result<Outcome> {
        match self {
            Self::Object(part) => Ok(match objects::delete(session, part, dry_run).await? {
                true => Outcome::Deleted,
                false => Outcome::Unchanged,
            }),
            Self::Settings(true) => forget(session, dry_run).await.map(|()| self.outcome()),
            Self::Settings(false) => Ok(self.outcome()),
        }
    }
}

/// The API server (seen with 1.36) stops watching ConfigMaps when the last policy with one as its
/// parameter goes, and does not begin again until it is restarted: every claim after a new
/// installation would be refused. It watches claimers, and there are none any more.
fn is_kept(object: &serde_json::Value) -> bool {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    // The bindings of claimers and the index are the parameters of these two.
    ["groundcrew-claims-entries", "groundcrew-claims-names"].contains(&name)
}

async fn forget(session: &Session, dry_run: DryRun) -> Result<()> {
    let patch = serde_json::json!({"metadata": {"annotations": {meta::SETTINGS: null}}});
    let params = PatchParams {
        field_manager: Some(meta::FIELD_MANAGER.to_owned()),
        dry_run: dry_run == DryRun::Server,
        ..PatchParams::default()
    };
    let patch = Patch::Merge(patch);
    records(session)
        .patch(meta::INDEX, &params, &patch)
        .await
        .map(drop)
}
