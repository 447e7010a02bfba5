//! What namespaces can meet, and their labels.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::ui::Ui;
use k8s_openapi::api::core::v1::Namespace;
use psp_advise::model::level::Version;
use psp_advise::model::report::{Criteria, Report};

use crate::cluster::inventory::{self, Selection};
use crate::cluster::version;

/// What was found.
#[derive(Debug)]
pub(super) struct Observed {
    /// What passes in the namespaces.
    pub(super) report: Report,
    /// The namespaces of the report.
    pub(super) objects: Vec<Namespace>,
}

/// Reads the namespaces and everything in them.
///
/// # Errors
///
/// What the server says.
pub(super) async fn observe(
    session: &Session,
    namespaces: Vec<String>,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Observed> {
    let server = interrupt.guard(version::ask(session)).await?;
    let criteria = Criteria::levels_at(Version::Minor(server.minor()), server);
    let selection = Selection {
        namespaces,
        selector: String::new(),
    };
    let report = inventory::evaluate(session, &selection, &criteria, ui, interrupt).await?;
    let namespaces = session.of::<Namespace>();
    let mut objects = Vec::new();
    for namespace in &report.namespaces {
        let read = namespaces.get(&namespace.name);
        objects.push(interrupt.guard(read).await?);
    }
    Ok(Observed { report, objects })
}
