//! The diagnosis as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, json, yaml};

use crate::commands::doctor::finding::{Diagnosis, Line};
use crate::model::kind::Kind;

/// Renders the diagnosis.
///
/// # Errors
///
/// Only when a value cannot be written in that format.
pub fn diagnosis(diagnosis: &Diagnosis, output: &OutputArgs) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardDiagnosis, diagnosis)),
        Format::Yaml => yaml(&Document::new(Kind::OnboardDiagnosis, diagnosis)),
        Format::Name => Ok(diagnosis
            .checks
            .iter()
            .map(|line| format!("{}/{}\n", line.check.replace(' ', "-"), line.state.as_str()))
            .collect()),
        Format::Table | Format::Wide => Ok(text(&diagnosis.checks, !output.no_headers)),
    }
}

/// A fix is below its finding: both are long, and a table would tear them apart.
fn text(lines: &[Line], headers: bool) -> String {
    let mut text = String::new();
    if headers {
        text.push_str("STATE     CHECK             FOUND\n");
    }
    for line in lines {
        let state = line.state.as_str();
        text.push_str(&format!("{state:<9} {:<17} {}\n", line.check, line.found));
        if let Some(fix) = &line.fix {
            text.push_str(&format!("{:<27} fix: {fix}\n", ""));
        }
    }
    text
}
