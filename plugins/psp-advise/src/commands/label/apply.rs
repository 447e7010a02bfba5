//! Labels are set on what was read, and on nothing else.

use std::io::Write;
use std::path::Path;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use k8s_openapi::api::core::v1::Namespace;

use super::decide::{Outcome, Plan, Planned};
use super::render;

/// How labels are set.
pub(super) struct Applier<'a> {
    /// The connection.
    pub(super) session: &'a Session,
    /// What may be written.
    pub(super) dry_run: DryRun,
    /// Who owns the labels.
    pub(super) field_manager: String,
    /// Where the commands go that restore the old labels.
    pub(super) rollback_file: Option<&'a Path>,
}

impl Applier<'_> {
    /// Lets the server check every change before the first one is made, and says what becomes of
    /// each namespace.
    ///
    /// # Errors
    ///
    /// What the server says; a conflict when a namespace changed since it was read.
    pub(super) async fn run(&self, plan: &Plan, ui: &Ui, interrupt: &Interrupt) -> Result<()> {
        let mode = self.dry_run;
        if mode != DryRun::Client {
            let check = async {
                for namespace in plan.steps() {
                    self.send(namespace, true).await?;
                }
                Ok(())
            };
            interrupt.guard(check).await?;
        }
        if let (DryRun::None, Some(path), true) = (mode, self.rollback_file, plan.changes() > 0) {
            rollback(path, plan)?;
        }
        for namespace in plan.steps() {
            if mode == DryRun::None {
                self.send(namespace, false).await?;
            }
            let object = format!("namespace/{}", namespace.name);
            ui.done(object, render::outcome(namespace, mode));
        }
        Ok(())
    }

    /// Sets the labels of one namespace, or lets the server check them.
    async fn send(&self, planned: &Planned, dry_run: bool) -> Result<()> {
        if planned.outcome != Outcome::Labeled {
            return Ok(());
        }
        let writer = Writer {
            field_manager: self.field_manager.clone(),
            dry_run,
            force_conflicts: false,
        };
        let mut object = Namespace::default();
        object.metadata.name = Some(planned.name.clone());
        let labels = planned.labels.iter();
        object.metadata.labels = Some(
            labels
                .map(|(label, change)| (label.clone(), change.to.clone()))
                .collect(),
        );
        let namespaces = self.session.of::<Namespace>();
        let read = Some(&planned.object.metadata);
        namespaces.label(&writer, &object, read).await.map(drop)
    }
}

/// Writes the commands that restore the old labels, before anything is changed.
///
/// # Errors
///
/// That the file is there already or cannot be written.
fn rollback(path: &Path, plan: &Plan) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::failed(format!(
            "cannot write {}; nothing was changed",
            path.display()
        ))
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
