//! Reads the cluster page by page; what was evaluated is not kept.

mod builtin;
mod custom;
mod namespaces;
mod owners;
mod reader;

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::error::Result;
use groundcrew::ui::Ui;
use psp_advise::model::report::{Builder, Criteria, Report};

use owners::Owners;
use reader::Reader;

/// Which objects are read.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Namespaces; none is all.
    pub namespaces: Vec<String>,
    /// Label selector; empty is all.
    pub selector: String,
}

/// Evaluates everything that the user may see.
///
/// # Errors
///
/// That the server cannot be reached, that a namespace is not there, or that namespaces cannot be
/// listed and none was named.
pub async fn evaluate(
    session: &Session,
    selection: &Selection,
    criteria: &Criteria,
    ui: &Ui,
    interrupt: &Interrupt,
) -> Result<Report> {
    let mut builder = Builder::new(criteria, false);
    let _progress = ui.progress("reading the cluster");
    interrupt
        .guard(observe(session, selection, &mut builder))
        .await?;
    Ok(builder.finish())
}

async fn observe(
    session: &Session,
    selection: &Selection,
    builder: &mut Builder<'_>,
) -> Result<()> {
    namespaces::read(session, &selection.namespaces, builder).await?;
    let scopes: Vec<Option<&str>> = if selection.namespaces.is_empty() {
        vec![None]
    } else {
        let names = selection.namespaces.iter();
        names.map(|name| Some(name.as_str())).collect()
    };
    let reader = Reader {
        session,
        selector: &selection.selector,
    };
    let mut owners = Owners::new();
    builtin::controllers(&reader, &scopes, &mut owners, builder).await?;
    for path in &builder.criteria().custom {
        for scope in &scopes {
            custom::observe(&reader, path, *scope, &mut owners, builder).await?;
        }
    }
    builtin::pods(&reader, &scopes, &owners, builder).await?;
    if !selection.selector.is_empty() {
        builder.selected(&selection.selector);
    }
    Ok(())
}
