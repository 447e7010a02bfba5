//! What a run would do, as text and as a document.

use groundcrew::error::Result;
use groundcrew::flags::Format;
use groundcrew::output::{Document, json, yaml};
use serde::Serialize;

use crate::model::change::{self, Line};
use crate::model::kind::Kind;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::plan::Plan;

/// The body of the `OnboardPlan` document.
#[derive(Debug, Serialize)]
struct Planned<'a> {
    user: &'a str,
    namespace: &'a str,
    steps: &'a [Line],
}

/// Renders what a run would do.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn preview(options: &Options, plan: &Plan, steps: &[Line]) -> Result<String> {
    let planned = Planned {
        user: options.user.as_str(),
        namespace: &plan.namespace,
        steps,
    };
    match options.output.format {
        Format::Json => json(&Document::new(Kind::OnboardPlan, planned)),
        Format::Yaml => yaml(&Document::new(Kind::OnboardPlan, planned)),
        Format::Name => Ok(format!("namespace/{}\n", plan.namespace)),
        Format::Table | Format::Wide => Ok(change::text(steps, options.dry_run.suffix())),
    }
}
