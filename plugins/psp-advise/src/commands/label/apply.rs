//! Labels are set on what was read, and on nothing else.

use std::io::Write;
use std::path::Path;

use groundcrew::client::Session;
use groundcrew::client::errors::{Doing, explain};
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;

use super::plan::Plan;
use super::render;

/// Reads a namespace.
///
/// # Errors
///
/// What the server says.
pub(super) async fn read(session: &Session, name: &str) -> Result<Namespace> {
    let api: Api<Namespace> = Api::all(session.client.clone());
    api.get(name)
        .await
        .map_err(|error| explain(error, &Doing::new("get", "namespaces").named(name)))
}

/// Sets the labels, or lets the server check them.
///
/// # Errors
///
/// What the server says; a conflict when a namespace changed since it was read.
pub(super) async fn apply(
    session: &Session,
    plan: &Plan,
    field_manager: &str,
    dry_run: bool,
    ui: &Ui,
) -> Result<()> {
    let api: Api<Namespace> = Api::all(session.client.clone());
    let writer = Writer {
        field_manager: field_manager.to_owned(),
        dry_run,
        force_conflicts: false,
    };
    for namespace in plan
        .namespaces
        .iter()
        .filter(|namespace| !namespace.labels.is_empty())
    {
        let mut object = Namespace::default();
        object.metadata.name = Some(namespace.name.clone());
        object.metadata.labels = Some(
            namespace
                .labels
                .iter()
                .map(|(label, change)| (label.clone(), change.to.clone()))
                .collect(),
        );
        let doing = Doing::new("patch", "namespaces").named(&namespace.name);
        writer
            .label(&api, &object, Some(&namespace.object.metadata))
            .await
            .map_err(|error| explain(error, &doing))?;
        if !dry_run {
            ui.done(format_args!("namespace/{} labelled", namespace.name), "");
        }
    }
    Ok(())
}

/// Writes the commands that put the old labels back, before anything is changed.
///
/// # Errors
///
/// That the file is there already or cannot be written.
pub(super) fn rollback(path: &Path, plan: &Plan) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::failed(format!("cannot write {}; nothing was done", path.display()))
            .with_source(error)
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    file.write_all(render::rollback(plan).as_bytes())
        .map_err(failed)?;
    file.sync_all().map_err(failed)
}
