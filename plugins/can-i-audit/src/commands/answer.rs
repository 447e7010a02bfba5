//! Reads a policy: from a cluster, from files, from a snapshot.

pub mod assertions;
pub mod baseline;
mod discovery;
pub mod files;
mod lists;
pub mod live;
mod manifests;
pub mod reviews;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use can_i_audit::aggregate;
use can_i_audit::policy::Policy;
use can_i_audit::question::Mode;
use clap::Args;
use groundcrew::app::Interrupt;
use groundcrew::client::{self, Product, Session};
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Globals, KubeArgs};
use groundcrew::ui::Ui;

/// Objects of one LIST answer, as for kubectl.
pub const CHUNK: u32 = 500;

/// What every command takes besides its own flags.
#[derive(Args, Clone, Debug)]
pub struct Common {
    #[command(flatten)]
    source: SourceArgs,

    #[command(flatten)]
    pub globals: Globals,

    #[command(flatten)]
    pub kube: KubeArgs,
}

/// Where the policy comes from, and how questions are read.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Source options")]
struct SourceArgs {
    /// Read manifests or a snapshot instead of a cluster: a file, a directory or - ; repeatable
    #[arg(long, value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    from: Vec<PathBuf>,

    /// Read questions as a real request, or to the letter as a SubjectAccessReview
    #[arg(long, value_name = "MODE", value_enum, default_value = "request")]
    mode: ModeArg,

    /// Objects that the server is asked for at once
    #[arg(long, value_name = "N", default_value_t = CHUNK, value_parser = clap::value_parser!(u32).range(1..))]
    chunk_size: u32,

    /// End with the answer's own exit code although not everything could be read
    #[arg(long)]
    allow_partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ModeArg {
    Request,
    Sar,
}

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
    took: Duration,
    allow_partial: bool,
}

/// Returns the name under which requests are sent.
#[must_use]
pub fn product() -> Product {
    Product {
        name: "kubectl-can_i_audit",
        version: env!("CARGO_PKG_VERSION"),
    }
}

impl Common {
    /// Says whether files are read and no cluster.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        !self.source.from.is_empty()
    }

    /// Returns how questions are read.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.source.mode {
            ModeArg::Request => Mode::Request,
            ModeArg::Sar => Mode::Sar,
        }
    }

    /// Returns how many objects the server is asked for at once.
    #[must_use]
    pub fn chunk(&self) -> u32 {
        self.source.chunk_size
    }

    /// Reads everything and says what could not be read.
    ///
    /// # Errors
    ///
    /// That nothing could be read.
    pub async fn read(&self, ui: &Ui, interrupt: &Interrupt) -> Result<Observed> {
        let begun = Instant::now();
        let (policy, session, namespace) = if self.is_offline() {
            let namespace = self.kube.namespace.clone();
            let namespace = namespace.unwrap_or_else(|| "default".to_owned());
            let policy = files::read(&self.source.from, &namespace, ui)?;
            (policy, None, namespace)
        } else {
            let session = client::connect(&self.kube, &product(), ui).await?;
            let progress = ui.progress("reading roles and bindings");
            let policy = interrupt.guard(live::read(&session, self.chunk())).await;
            drop(progress);
            let namespace = session.namespace.clone();
            (policy?, Some(session), namespace)
        };
        let observed = Observed {
            policy: sorted(policy),
            session,
            namespace,
            mode: self.mode(),
            took: begun.elapsed(),
            allow_partial: self.source.allow_partial,
        };
        for gap in &observed.policy.gaps {
            ui.warning(format_args!("not read: {gap}"));
        }
        warn_of_moments(&observed.policy, ui);
        Ok(observed)
    }
}

/// Sorts, and computes aggregated roles of manifests that were never in a cluster.
fn sorted(mut policy: Policy) -> Policy {
    policy.sort();
    policy
}

/// Says that the lists are of different moments.
pub fn warn_of_moments(policy: &Policy, ui: &Ui) {
    if policy.is_of_one_moment() {
        return;
    }
    let lists = policy.resource_versions.iter();
    let moments: Vec<String> = lists.map(|(list, at)| format!("{list} at {at}")).collect();
    ui.warning(format_args!(
        "read at different moments, so what changed in between may be seen in part: {}",
        moments.join(", ")
    ));
}

/// Fills aggregated roles in.
pub fn fill_aggregated(policy: &mut Policy) {
    aggregate::fill(&mut policy.cluster_roles);
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
            Some(session) => format!(" ({} requests)", session.requests()),
            None => String::new(),
        };
        ui.status(format_args!(
            "{complete}: {bindings} bindings, {roles} roles, {} namespaces read in {:.1}s{requests}",
            policy.namespaces.len(),
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
            Error::usage(format!("{what} needs a cluster and not --from"))
                .with_hint("leave --from out")
        })
    }
}
