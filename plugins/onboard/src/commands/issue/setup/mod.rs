//! `--setup DIR`: brings up what she needs, as her: manifests first, then `setup.sh`.

mod apply;
mod kinds;
mod read;
mod script;

use std::path::{Path, PathBuf};

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;
use kube::api::ApiResource;
use serde::Serialize;
use serde_json::Value;

/// The script that is run after the manifests.
const SCRIPT: &str = "setup.sh";

/// What a directory asks for.
#[derive(Debug, Default)]
pub struct Setup {
    /// The directory as it was named.
    directory: PathBuf,
    /// Its manifests, in the order in which they are applied.
    manifests: Vec<Manifest>,
    /// The script in it, if there is one.
    script: Option<PathBuf>,
}

/// One object of a file.
#[derive(Clone)]
struct Manifest {
    /// File name inside the directory.
    file: String,
    /// Line on which its document begins, from 1.
    line: usize,
    api_version: String,
    kind: String,
    name: String,
    namespace: Option<String>,
    value: Value,
}

impl std::fmt::Debug for Manifest {
    /// Leaves the body out: it may be a Secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.place(), self.kind, self.name)
    }
}

impl Manifest {
    /// Returns `web.yaml:12`.
    fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Returns `deployment.apps/web`, as kubectl names it.
    fn object(&self) -> String {
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
    setup: &'a Setup,
    resources: Vec<ApiResource>,
    namespace: String,
}

/// What came of it; `setup` in the `OnboardReport` document.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetupReport {
    /// Objects that were applied: `deployment.apps/web`.
    applied: Vec<String>,
    /// Objects that the server did not take.
    refused: Vec<Refused>,
    /// How the script ended; absent when it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<ScriptReport>,
}

/// An object that the server did not take, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Refused {
    object: String,
    /// File and line.
    place: String,
    reason: String,
}

/// How `setup.sh` ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ScriptReport {
    /// `None` when a signal ended it.
    exit_code: Option<i32>,
    seconds: f64,
}

impl Setup {
    /// Reads every manifest of a directory, not of those below it, in the order of their names.
    ///
    /// # Errors
    ///
    /// Usage, with everything that is wrong: file, line and what.
    pub fn read(directory: &Path) -> Result<Self> {
        read::directory(directory)
    }

    /// Returns what would be done, a line each.
    #[must_use]
    pub fn plan_lines(&self, user: &str) -> Vec<String> {
        let applied = self.manifests.iter().map(|manifest| {
            let (object, place) = (manifest.object(), manifest.place());
            format!("{object} applied as {user}: {place}")
        });
        let script = self.script.iter();
        let script = script.map(|path| format!("{} run as {user}", path.display()));
        applied.chain(script).collect()
    }

    /// Asks the server whether it knows every kind, and checks that nothing leaves her namespace.
    ///
    /// # Errors
    ///
    /// Usage, with every object that cannot be applied; what the server says.
    pub async fn check(&self, session: &Session, namespace: &str) -> Result<Ready<'_>> {
        let resources = kinds::resolve(session, self, namespace).await?;
        Ok(Ready {
            setup: self,
            resources,
            namespace: namespace.to_owned(),
        })
    }
}

impl Ready<'_> {
    /// Applies every manifest as her, and then runs the script with her file.
    ///
    /// What was done until then is in the report also when it ends with an error. Nothing is taken
    /// back: doing it again begins where it stopped, because applying twice is applying once.
    pub async fn run(
        &self,
        her: &Session,
        how: &How<'_>,
        ui: &Ui,
        interrupt: &Interrupt,
    ) -> (SetupReport, Result<()>) {
        let mut report = SetupReport::default();
        let result = self.steps(her, how, ui, interrupt, &mut report).await;
        (report, result)
    }

    async fn steps(
        &self,
        her: &Session,
        how: &How<'_>,
        ui: &Ui,
        interrupt: &Interrupt,
        report: &mut SetupReport,
    ) -> Result<()> {
        apply::all(self, her, how, ui, interrupt, report).await?;
        let Some(path) = &self.setup.script else {
            return Ok(());
        };
        let ended = script::run(path, how.kubeconfig, &self.namespace, ui, interrupt).await?;
        report.script = Some(ScriptReport {
            exit_code: ended.code,
            seconds: (ended.took.as_secs_f64() * 10.0).round() / 10.0,
        });
        ended.into_result(path)
    }
}

impl SetupReport {
    /// Returns one line for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{} applied", crate::setup::objects(self.applied.len()));
        if !self.refused.is_empty() {
            text.push_str(&format!(", {} refused", self.refused.len()));
        }
        match &self.script {
            Some(script) if script.exit_code == Some(0) => {
                text.push_str(&format!(", {SCRIPT} done in {:.1}s", script.seconds));
            }
            Some(_) => text.push_str(&format!(", {SCRIPT} failed")),
            None => {}
        }
        text
    }
}

/// How her objects are applied.
#[derive(Clone, Copy, Debug)]
pub struct How<'a> {
    /// Her file.
    pub kubeconfig: &'a Path,
    /// Who owns the fields.
    pub field_manager: &'a str,
    /// Take over fields that another manager has set.
    pub force_conflicts: bool,
}

fn objects(count: usize) -> String {
    match count {
        1 => "1 object".to_owned(),
        count => format!("{count} objects"),
    }
}

/// Puts several things that are wrong into one error.
fn wrong(directory: &Path, problems: Vec<String>) -> Error {
    let shown = directory.display();
    let error = Error::usage(format!("{shown} cannot be applied as it is"));
    problems.into_iter().fold(error, Error::with_detail)
}
