//! `--setup DIR`: brings up what the user needs, as the user: manifests first, then `setup.sh`.

pub mod apply;
pub mod kinds;
pub mod manifest;
pub mod read;
pub mod report;
pub mod script;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::ui::Ui;

use manifest::{Ready, Setup};
use report::{How, ScriptReport, SetupReport};

/// Asks the server whether it knows every kind, and checks that nothing leaves the namespace.
///
/// # Errors
///
/// Usage, with every object that cannot be applied; what the server says.
pub async fn check<'a>(setup: &'a Setup, session: &Session, namespace: &str) -> Result<Ready<'a>> {
    let resources = kinds::resolve(session, setup, namespace).await?;
    Ok(Ready {
        setup,
        resources,
        namespace: namespace.to_owned(),
    })
}

/// Applies every manifest as the user, and then runs the script with their file.
///
/// What was done until then is in the report also when it ends with an error. Nothing is taken
/// back: doing it again begins where it stopped, because applying twice is applying once.
pub async fn run(
    ready: &Ready<'_>,
    session: &Session,
    how: &How<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> (SetupReport, Result<()>) {
    let mut report = SetupReport::default();
    let result = steps(ready, session, how, ui, interrupt, &mut report).await;
    (report, result)
}

async fn steps(
    ready: &Ready<'_>,
    session: &Session,
    how: &How<'_>,
    ui: &Ui,
    interrupt: &Interrupt,
    report: &mut SetupReport,
) -> Result<()> {
    apply::all(ready, session, how, ui, interrupt, report).await?;
    let Some(path) = &ready.setup.script else {
        return Ok(());
    };
    let ended = script::run(path, how.kubeconfig, &ready.namespace, ui, interrupt).await?;
    report.script = Some(ScriptReport {
        exit_code: ended.code,
        seconds: (ended.took.as_secs_f64() * 10.0).round() / 10.0,
    });
    ended.into_result(path)
}
