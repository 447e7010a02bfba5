//! What `kubectl onboard USER` ends with: the report, and what was done as the user.

use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::OutputArgs;
use serde::Serialize;

use crate::commands::issue::setup::report::SetupReport;
use crate::commands::issue::smoke::SmokeReport;
use crate::model::onboarding::report::Report;

/// The report, and what was done as the user.
#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    /// How the onboarding ended.
    #[serde(flatten)]
    pub report: &'a Report,
    /// What `--setup` did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup: Option<SetupReport>,
    /// What `--smoke` saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smoke: Option<SmokeReport>,
}

impl Answer<'_> {
    /// Returns how the run ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match (self.report.exit(), &self.smoke) {
            (Exit::Done, Some(smoke)) => smoke.exit(),
            (exit, _) => exit,
        }
    }

    /// Renders it.
    ///
    /// # Errors
    ///
    /// Only when a value has no form in that format.
    pub fn render(&self, output: &OutputArgs) -> Result<String> {
        let setup = self.setup.as_ref().map(|setup| ("setup", setup.summary()));
        let smoke = self.smoke.as_ref();
        let smoke = smoke.map(|smoke| ("first pod", smoke.summary()));
        let lines: Vec<_> = setup.into_iter().chain(smoke).collect();
        self.report.render_with(output, self, &lines, self.exit())
    }
}
