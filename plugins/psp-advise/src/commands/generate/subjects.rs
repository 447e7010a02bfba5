//! The workloads that a policy is made from.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::flags::KubeArgs;
use groundcrew::ui::Ui;
use psp_advise::model::subject::Subject;

use crate::cluster::workloads;
use crate::local::files::FileArgs;
use crate::local::subjects;

/// Reads the workloads of `-f`, else those of the namespace; a policy from only some of them would
/// refuse the others.
///
/// # Errors
///
/// What cannot be read, and that there are no workloads.
pub(super) async fn all(
    files: &FileArgs,
    kube: &KubeArgs,
    session: Option<&Session>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Vec<Subject>> {
    let (subjects, unreadable) = match session {
        Some(session) if files.filename.is_empty() => {
            let found = interrupt.guard(workloads::read(session)).await?;
            (found, Vec::new())
        }
        _ => subjects::read(files, kube.namespace.as_deref())?,
    };
    for line in &unreadable {
        ui.warning(format_args!("not evaluated: {line}"));
    }
    if !unreadable.is_empty() {
        return Err(Error::new(
            Kind::Incomplete,
            "a policy made from only some of the workloads would refuse the others",
        ));
    }
    if subjects.is_empty() {
        return Err(Error::usage(
            "there are no pods or pod templates to make a policy from",
        ));
    }
    Ok(subjects)
}
