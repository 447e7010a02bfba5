//! Applies the objects with the user's rights; the server decides on each.

use groundcrew::app::Interrupt;
use groundcrew::client::{Session, outcome_unknown};
use groundcrew::cluster::Objects;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::ui::Ui;
use groundcrew::write::status;
use kube::api::{DynamicObject, Patch, PatchParams};

use crate::commands::issue::setup::manifest::{Manifest, Ready};
use crate::commands::issue::setup::report::{How, Refused, SetupReport, objects};

/// Applies every object. One that is refused does not stop the others, as with kubectl: a run that
/// is repeated after the fix has less to do.
///
/// # Errors
///
/// Everything that was refused, with its place; what kept the server from being asked.
pub async fn all(
    ready: &Ready<'_>,
    session: &Session,
    how: &How<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
    report: &mut SetupReport,
) -> Result<()> {
    let cluster = session.cluster();
    let all = ready.setup.manifests.iter().zip(&ready.resources);
    let mut conflicts = 0;
    for (manifest, resource) in all {
        interrupt.check()?;
        let object = manifest.object();
        let objects = cluster.dynamic(resource, Some(&ready.namespace));
        match one(manifest, &objects, how).await {
            Ok(()) => {
                ui.done(format_args!("{object} applied"), manifest.place());
                report.applied.push(object);
            }
            Err(error) => {
                let Some(refusal) = status(&error).filter(|status| status.code < 500) else {
                    return Err(objects
                        .explain("patch", &manifest.name, error)
                        .with_detail(format!("{}: {object} was not applied", manifest.place())));
                };
                conflicts += usize::from(refusal.code == 409);
                report.refused.push(Refused {
                    object,
                    place: manifest.place(),
                    reason: refusal.message.clone(),
                });
            }
        }
    }
    refusals(report, conflicts)
}

fn refusals(report: &SetupReport, conflicts: usize) -> Result<()> {
    let refused = &report.refused;
    if refused.is_empty() {
        return Ok(());
    }
    // Somebody else's fields are a conflict; anything else that was refused is a failure.
    let kind = if conflicts == refused.len() {
        Kind::Conflict
    } else {
        Kind::Failed
    };
    let text = format!("the server refused {}", objects(refused.len()));
    let mut error = Error::new(kind, text);
    for one in refused {
        error = error.with_detail(format!("{}: {}: {}", one.place, one.object, one.reason));
    }
    if conflicts > 0 {
        error = error.with_hint("take fields over that others have set with --force-conflicts");
    }
    Err(error)
}

async fn one(
    manifest: &Manifest,
    objects: &Objects<DynamicObject>,
    how: &How<'_>,
) -> kube::Result<()> {
    let mut params = PatchParams::apply(how.field_manager);
    params.force = how.force_conflicts;
    let patch = Patch::Apply(&manifest.value);
    let send = || objects.api().patch(&manifest.name, &params, &patch);
    match send().await {
        // Applying twice has the effect of applying once.
        Err(error) if outcome_unknown(&error) => send().await.map(drop),
        result => result.map(drop),
    }
}
