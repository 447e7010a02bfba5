//! The API server's own configuration, from its file.

use std::path::Path;

use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;
use psp_advise::model::manifest::{parse, split};
use psp_advise::model::standards::config::{self, Config, Found};
use serde_json::Value;

/// Reads `--psa-config`.
///
/// # Errors
///
/// What cannot be read, with its file.
pub fn read(path: &Path, ui: &Ui) -> Result<Config> {
    let mut found = one(path)?;
    if let Found::Path(other) = &found {
        // As the API server does: from where the first file is.
        let other = path.parent().unwrap_or(Path::new(".")).join(other);
        found = one(&other)?;
    }
    let Found::Config(config) = found else {
        return Err(Error::usage(format!(
            "{}: nested references are not followed",
            path.display()
        )));
    };
    if !config.exemptions.usernames.is_empty() {
        ui.warning(format_args!(
            "pods of exempt users ({}) are evaluated like others: a pod does not record its creator",
            config.exemptions.usernames.join(", ")
        ));
    }
    Ok(*config)
}

fn one(path: &Path) -> Result<Found> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::usage(format!("cannot read {shown}")).with_source(error))?;
    let mut found = None;
    for chunk in split(&text) {
        let document = parse(chunk)
            .map_err(|fault| Error::usage(format!("{shown}:{}: {}", fault.line, fault.message)))?
            .to_json();
        if document == Value::Null {
            continue;
        }
        let read = config::read(&document);
        found = Some(read.map_err(|message| Error::usage(format!("{shown}: {message}")))?);
    }
    found.ok_or_else(|| Error::usage(format!("{shown}: it is empty")))
}
