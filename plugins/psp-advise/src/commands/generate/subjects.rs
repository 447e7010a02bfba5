//! The workloads that a policy is made from.

use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::{Error, Kind, Result};
use psp_advise::model::subject::Subject;

use crate::cluster::workloads;
use crate::commands::answer;
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
    session: Option<&Session>,
    frame: &Frame,
) -> Result<Vec<Subject>> {
    let (subjects, unseen) = match session {
        Some(session) if files.filename.is_empty() => {
            let found = frame.interrupt.guard(workloads::read(session)).await?;
            (found, Vec::new())
        }
        _ => subjects::read(files, frame.kube.namespace.as_deref())?,
    };
    answer::unseen(&unseen, &frame.ui);
    if !unseen.is_empty() {
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
