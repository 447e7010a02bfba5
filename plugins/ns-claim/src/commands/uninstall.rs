//! `kubectl ns-claim uninstall`: take the guard, the rights and the reaper away again.

use clap::Args;
use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::client::access::Access;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use groundcrew::tenancy::SYSTEM_NAMESPACE;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, Patch, PatchParams};

use super::answer::{Line, Report};
use crate::cluster::claims;
use crate::cluster::installation::part::{Part, Standing};
use crate::cluster::installation::{check, objects};
use crate::model::installation::stages::Stages;
use crate::model::meta;
use crate::model::settings::Settings;

/// The role that a hint would create for whoever lacks rights.
const UNINSTALLER: &str = "claim-uninstaller";

/// Take the guard, the rights and the reaper away again
///
/// The right to claim goes first and the guard last. Claims, the index and the tombstones stay, and
/// one policy, which the API server needs to see a later installation and nobody meets;
/// while there are claims, their owners lose their rights in them, so that takes a yes.
#[derive(Args, Debug)]
pub struct UninstallArgs {
    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
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
        let found = claims::labelled(&session)
            .await
            .map_err(|error| explain(error, &Doing::new("list", "namespaces")))?;
        Ok((index, found.len()))
    };
    let (index, claims) = interrupt.guard(seen).await?;
    let dry_run = args.write.dry_run != DryRun::None;
    if claims > 0 && !dry_run && !args.write.yes {
        let question =
            format!("{claims} claims live, and their owners lose their rights in them. Go on?");
        if !ui.confirm(&question)? {
            return Err(Error::new(Kind::Interrupted, "nothing was done"));
        }
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
    let stages = Stages::of(&settings)?;
    let mut order = stages.grant;
    order.extend(stages.reaper.into_iter().rev());
    order.extend(stages.rights.into_iter().rev());
    order.extend(stages.guard.into_iter().rev());
    order.retain(|object| !is_kept(object));
    let look = async {
        let parts = objects::look_at_all(&session, order).await?;
        let forget = Access::new("patch", "configmaps")
            .named(meta::INDEX)
            .within(SYSTEM_NAMESPACE);
        let wanted: Vec<Access> = parts
            .iter()
            .filter_map(Part::right_to_delete)
            .chain(index.installed.then_some(forget))
            .collect();
        check::rights(&session, &wanted, UNINSTALLER).await?;
        Ok::<_, Error>(parts)
    };
    let mut lines = Vec::new();
    for part in interrupt.guard(look).await? {
        if interrupt.is_set() {
            return Err(Error::interrupted());
        }
        let there = part.standing != Standing::Missing;
        let gone = there && (dry_run || objects::delete(&session, &part).await?);
        lines.push(Line {
            object: part.title(),
            state: if gone { "deleted" } else { "unchanged" },
        });
    }
    // The settings go last: as long as they are there, so is what they speak of.
    if index.installed && !dry_run {
        forget(&session).await?;
    }
    let report = Report {
        objects: lines,
        guard_denies: None,
        settings,
        without_quota: None,
    };
    ui.answer(report.render(&args.output, false)?)?;
    ui.status("claims, their index and their tombstones stay in groundcrew-system.");
    ui.status("so does validatingadmissionpolicy/groundcrew-claims-entries, which concerns claimers alone.");
    session.finish()?;
    Ok(Exit::Done)
}

/// The API server (seen with 1.36) stops watching ConfigMaps when the last policy with one as its
/// parameter goes, and does not begin again until it is restarted: every claim after a new
/// installation would be refused. It watches claimers, and there are none any more.
fn is_kept(object: &serde_json::Value) -> bool {
    object["metadata"]["name"] == "groundcrew-claims-entries"
}

async fn forget(session: &Session) -> Result<()> {
    let api = Api::<ConfigMap>::namespaced(session.client.clone(), SYSTEM_NAMESPACE);
    let patch = serde_json::json!({"metadata": {"annotations": {meta::SETTINGS: null}}});
    let params = PatchParams {
        field_manager: Some(meta::FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let doing = Doing::new("patch", "configmaps")
        .named(meta::INDEX)
        .within(SYSTEM_NAMESPACE);
    api.patch(meta::INDEX, &params, &Patch::Merge(patch))
        .await
        .map(drop)
        .map_err(|error| explain(error, &doing))
}
