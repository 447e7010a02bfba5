//! The directory of a setup, as it was read.

use std::path::{Path, PathBuf};

use groundcrew::error::Error;
use kube::api::ApiResource;
use serde_json::Value;

use crate::model::change::{Change, Line};

/// The script that is run after the manifests.
pub const SCRIPT: &str = "setup.sh";

/// What a directory asks for.
#[derive(Debug, Default)]
pub struct Setup {
    /// The directory as it was named.
    pub directory: PathBuf,
    /// Its manifests, in the order in which they are applied.
    pub manifests: Vec<Manifest>,
    /// The script in it, if there is one.
    pub script: Option<PathBuf>,
}

/// One object of a file.
#[derive(Clone)]
pub struct Manifest {
    /// File name inside the directory.
    pub file: String,
    /// Line on which its document begins, from 1.
    pub line: usize,
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub namespace: Option<String>,
    pub value: Value,
}

impl std::fmt::Debug for Manifest {
    /// Leaves the body out: it may be a Secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.place(), self.kind, self.name)
    }
}

impl Manifest {
    /// Returns `web.yaml:12`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Returns `deployment.apps/web`, as kubectl names it.
    pub fn object(&self) -> String {
        let kind = self.kind.to_lowercase();
        match self.api_version.split_once('/') {
            Some((group, _)) => format!("{kind}.{group}/{}", self.name),
            None => format!("{kind}/{}", self.name),
        }
    }
}

/// A setup whose every object was checked, with what the server calls its kind.
#[derive(Debug)]
pub struct Ready<'a> {
    pub setup: &'a Setup,
    pub resources: Vec<ApiResource>,
    pub namespace: String,
}

impl Setup {
    /// Returns what would be done, line by line.
    #[must_use]
    pub fn lines(&self, user: &str) -> Vec<Line> {
        let applied = self.manifests.iter().map(|manifest| {
            let detail = format!("{} as {user}", manifest.place());
            Line::new(manifest.object(), Change::Applied, detail)
        });
        let script = self.script.iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Line::new(name, Change::Run, format!("as {user}"))
        });
        applied.chain(script).collect()
    }
}

/// Puts several things that are wrong into one error.
pub fn wrong(directory: &Path, problems: Vec<String>) -> Error {
    let shown = directory.display();
    let error = Error::usage(format!("{shown} cannot be applied as it is"));
    problems.into_iter().fold(error, Error::with_detail)
}
