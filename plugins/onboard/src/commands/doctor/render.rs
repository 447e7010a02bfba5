//! The diagnosis as people and programs read it.

use groundcrew::error::Result;
use groundcrew::finding::{Diagnosis, Severity};
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, json, yaml};

use crate::model::kind::Kind;

/// Renders the diagnosis; with `-o name`, the objects that need attention.
///
/// # Errors
///
/// Only when a value cannot be written in that format.
pub fn diagnosis(diagnosis: &Diagnosis, output: &OutputArgs) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardDiagnosis, diagnosis)),
        Format::Yaml => yaml(&Document::new(Kind::OnboardDiagnosis, diagnosis)),
        Format::Name => Ok(names(diagnosis)),
        Format::Table | Format::Wide => Ok(diagnosis.render(!output.no_headers)),
    }
}

fn names(diagnosis: &Diagnosis) -> String {
    let findings = diagnosis.findings.iter();
    let open = findings.filter(|one| one.severity >= Severity::Warning && !one.place.is_empty());
    let mut names: Vec<String> = open.map(|one| name(&one.place)).collect();
    names.dedup();
    names.concat()
}

/// Returns `kind/name` of `kind/namespace/name`, which is what kubectl accepts.
fn name(place: &str) -> String {
    let kind = place.split('/').next().unwrap_or_default();
    let name = place.rsplit('/').next().unwrap_or_default();
    format!("{kind}/{name}\n")
}
