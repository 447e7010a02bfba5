//! `--pods`: the workloads that live under the policies.

use std::path::PathBuf;

use groundcrew::app::Frame;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::finding::Unseen;
use psp_advise::model::subject::Subject;

use crate::cluster::workloads;
use crate::commands::flags::ReadFrom;
use crate::local::files::FileArgs;
use crate::local::subjects;

/// Where the workloads are.
#[derive(Debug)]
pub(super) enum Pods {
    /// None are given.
    None,
    /// In the cluster.
    Cluster,
    /// In files.
    Files(FileArgs),
}

impl Pods {
    /// Resolves the flag.
    ///
    /// # Errors
    ///
    /// That it names files and the cluster.
    pub(super) fn of(from: &[ReadFrom]) -> Result<Self> {
        let paths: Vec<PathBuf> = from
            .iter()
            .filter_map(|one| match one {
                ReadFrom::Cluster => None,
                ReadFrom::Path(path) => Some(path.clone()),
            })
            .collect();
        match (from.len() - paths.len(), paths.is_empty()) {
            (0, true) => Ok(Self::None),
            (0, false) => Ok(Self::Files(FileArgs::below(paths))),
            (_, true) => Ok(Self::Cluster),
            (_, false) => Err(Error::usage("--pods takes files or the cluster, not both")),
        }
    }

    /// Reads the workloads; also returns what could not be read.
    ///
    /// # Errors
    ///
    /// What the server says; a path that is not there.
    pub(super) async fn read(
        &self,
        session: Option<&Session>,
        frame: &Frame,
    ) -> Result<(Vec<Subject>, Vec<Unseen>)> {
        match (self, session) {
            (Self::Files(files), _) => subjects::read(files, frame.kube.namespace.as_deref()),
            (Self::Cluster, Some(session)) => {
                let found = frame.interrupt.guard(workloads::read(session)).await?;
                Ok((found, Vec::new()))
            }
            (Self::None | Self::Cluster, _) => Ok((Vec::new(), Vec::new())),
        }
    }
}
