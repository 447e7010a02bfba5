//! What every step of a run needs.

use groundcrew::app::Interrupt;
use groundcrew::client::Session;
use groundcrew::client::clock::Clock;
use groundcrew::error::Error;
use groundcrew::flags::DryRun;
use groundcrew::flags::kube::Tuning;
use groundcrew::ui::Ui;
use groundcrew::write::Writer;
use jiff::Timestamp;

use crate::cluster::records;
use crate::model::change::Line;
use crate::model::onboarding::delivery::Delivery;
use crate::model::onboarding::observed::Observed;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::plan::Plan;
use crate::model::onboarding::steps::Steps;

/// Everything a step needs.
pub struct Run<'a> {
    /// The admin's session.
    pub session: &'a Session,
    /// The admin's name, in the server's words.
    pub me: &'a str,
    /// What was asked for.
    pub options: &'a Options,
    /// What was there.
    pub observed: &'a Observed,
    /// What is to be done.
    pub plan: &'a Plan,
    /// The same, one by one.
    pub steps: &'a Steps,
    /// Where the credential goes.
    pub delivery: &'a dyn Delivery,
    /// Where text goes.
    pub ui: &'a Ui,
    /// Ctrl-C.
    pub interrupt: &'a Interrupt,
    /// How writes are sent.
    pub writer: Writer,
    /// How requests are made, the user's included.
    pub tuning: Tuning,
    /// When the run began, in whole seconds as Kubernetes counts.
    pub now: Timestamp,
    /// The server's clock, going on since.
    pub clock: Clock,
}

impl Run<'_> {
    /// Explains an error that may mean that another run was faster.
    pub(super) fn raced(&self, error: Error) -> Error {
        records::raced(error, &self.options.user)
    }

    /// Says what has become of a thing.
    pub(super) fn told(&self, line: &Line) {
        self.done(
            format_args!("{} {}", line.object, line.change),
            &line.detail,
        );
    }

    /// Says that something was done.
    pub(super) fn done(&self, what: impl std::fmt::Display, detail: impl std::fmt::Display) {
        self.ui.done(what, detail);
    }
}

/// Returns how writes are sent in this run.
#[must_use]
pub fn writer(options: &Options) -> Writer {
    Writer {
        field_manager: options.field_manager.clone(),
        dry_run: options.dry_run == DryRun::Server,
        force_conflicts: options.force_conflicts,
    }
}
