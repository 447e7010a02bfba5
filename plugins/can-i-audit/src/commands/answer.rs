//! The common ending of every command: what the answer is based on.

use std::time::Duration;

use can_i_audit::model::gap::Gap;
use can_i_audit::model::kind::Kind;
use can_i_audit::model::policy::Policy;
use can_i_audit::model::question::Mode;
use groundcrew::client::Session;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::finding::Unseen;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, json, yaml};
use groundcrew::plural::count;
use groundcrew::ui::Ui;
use serde::Serialize;

/// A policy and how it was come by.
#[derive(Debug)]
pub struct Observed {
    /// The policy, sorted.
    pub policy: Policy,
    /// The connection; none when files were read.
    pub session: Option<Session>,
    /// The namespace of this run.
    pub namespace: String,
    /// How questions are read.
    pub mode: Mode,
    pub(super) took: Duration,
    pub(super) allow_partial: bool,
}

impl Observed {
    /// Returns the exit code of an answer: an incomplete picture leaves it open.
    #[must_use]
    pub fn exit(&self, answer: Exit) -> Exit {
        if self.policy.is_complete() || self.allow_partial {
            answer
        } else {
            Exit::Incomplete
        }
    }

    /// Says on stderr what the answer is based on.
    pub fn say(&self, ui: &Ui) {
        let policy = &self.policy;
        let bindings = policy.cluster_role_bindings.len() + policy.role_bindings.len();
        let roles = policy.cluster_roles.len() + policy.roles.len();
        let complete = if policy.is_complete() {
            "complete"
        } else {
            "incomplete"
        };
        let requests = match &self.session {
            Some(session) => format!(" ({})", count(session.requests(), "request")),
            None => String::new(),
        };
        ui.status(format_args!(
            "{complete}: {}, {}, {} read in {:.1}s{requests}",
            count(bindings, "binding"),
            count(roles, "role"),
            count(policy.namespaces.len(), "namespace"),
            self.took.as_secs_f64(),
        ));
    }

    /// Ends the connection.
    ///
    /// # Errors
    ///
    /// That the server warned and warnings are errors.
    pub fn finish(&self) -> Result<()> {
        self.session.as_ref().map_or(Ok(()), Session::finish)
    }

    /// Returns the connection.
    ///
    /// # Errors
    ///
    /// That there is none, for something that needs a cluster.
    pub fn live(&self, what: &str) -> Result<&Session> {
        self.session.as_ref().ok_or_else(|| {
            Error::usage(format!("{what} needs a cluster and not --from")).with_hint("omit --from")
        })
    }
}

/// Says that the lists are of different moments.
pub fn warn_of_moments(policy: &Policy, ui: &Ui) {
    if policy.is_of_one_moment() {
        return;
    }
    let lists = policy.resource_versions.iter();
    let moments: Vec<String> = lists.map(|(list, at)| format!("{list} at {at}")).collect();
    ui.warning(format_args!(
        "read at slightly different times; concurrent changes may be only partly visible: {}",
        moments.join(", ")
    ));
}

/// A body with what it is based on.
#[derive(Debug, Serialize)]
pub struct Based<T> {
    /// Everything was read.
    complete: bool,
    /// The lists that were not read, or only in part.
    unseen: Vec<Unseen>,
    #[serde(flatten)]
    body: T,
}

/// Returns a document that says what could not be read.
pub fn based<T: Serialize>(kind: Kind, gaps: &[Gap], body: T) -> Document<Kind, Based<T>> {
    let unseen = gaps.iter().map(|gap| Unseen::new(gap.what(), &gap.why));
    Document::new(
        kind,
        Based {
            complete: gaps.is_empty(),
            unseen: unseen.collect(),
            body,
        },
    )
}

/// Renders a document in JSON or YAML, or `None` for people.
///
/// # Errors
///
/// Only when a value cannot be written in that format.
pub fn document<T: Serialize>(
    kind: Kind,
    policy: &Policy,
    body: T,
    output: &OutputArgs,
) -> Result<Option<String>> {
    match output.format {
        Format::Json => json(&based(kind, &policy.unseen, body)).map(Some),
        Format::Yaml => yaml(&based(kind, &policy.unseen, body)).map(Some),
        Format::Table | Format::Wide | Format::Name => Ok(None),
    }
}
