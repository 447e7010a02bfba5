//! Flags that several commands have.

use std::path::PathBuf;
use std::time::Instant;

use can_i_audit::model::catalog::Catalog;
use can_i_audit::model::question::{Action, Mode};
use can_i_audit::model::subject::{Principal, Subject};
use can_i_audit::model::words::{self, Misread};
use clap::{Args, ValueEnum};
use groundcrew::app::Frame;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;

use super::answer::{Observed, warn_of_moments};
use crate::cluster::identity;
use crate::{cluster, local};

/// The format of the answer; every such enum has a `Table`, which is the default.
#[derive(Args, Clone, Copy, Debug)]
pub struct FormatArgs<F: ValueEnum + Clone + Send + Sync + 'static> {
    /// Output format
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value = "table",
        help_heading = "Output options"
    )]
    pub format: F,
}

/// Where the policy comes from, and how questions are read.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Source options")]
pub struct SourceArgs {
    /// Read manifests or a snapshot (- for stdin) instead of a cluster; repeatable
    #[arg(long, value_name = "FILE|DIR", value_hint = clap::ValueHint::AnyPath)]
    from: Vec<PathBuf>,

    /// Treat questions as requests, or literally as SubjectAccessReviews
    #[arg(long, value_name = "MODE", value_enum, default_value = "request")]
    mode: ModeArg,

    /// Objects to request from the server at once
    #[arg(long, value_name = "N", default_value_t = cluster::policy::CHUNK, value_parser = clap::value_parser!(u32).range(1..))]
    chunk_size: u32,

    /// Exit with the answer's code even if some objects could not be read
    #[arg(long)]
    allow_partial: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ModeArg {
    Request,
    Sar,
}

impl SourceArgs {
    /// Says whether files are read instead of a cluster.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        !self.from.is_empty()
    }

    /// Returns how questions are read.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self.mode {
            ModeArg::Request => Mode::Request,
            ModeArg::Sar => Mode::Sar,
        }
    }

    /// Returns how many objects the server is asked for at once.
    #[must_use]
    pub fn chunk(&self) -> u32 {
        self.chunk_size
    }

    /// Reads everything and says what could not be read.
    ///
    /// # Errors
    ///
    /// That nothing could be read.
    pub async fn read(&self, frame: &Frame) -> Result<Observed> {
        let ui = &frame.ui;
        let begun = Instant::now();
        let (mut policy, session, namespace) = if self.is_offline() {
            let namespace = frame.kube.namespace.clone();
            let namespace = namespace.unwrap_or_else(|| "default".to_owned());
            let policy = local::policy::read(&self.from, &namespace, ui)?;
            (policy, None, namespace)
        } else {
            let session = frame.connect().await?;
            let progress = ui.progress("reading roles and bindings");
            let policy = frame
                .interrupt
                .guard(cluster::policy::read(&session, self.chunk()))
                .await;
            drop(progress);
            let namespace = session.namespace.clone();
            (policy?, Some(session), namespace)
        };
        policy.sort();
        let observed = Observed {
            policy,
            session,
            namespace,
            mode: self.mode(),
            took: begun.elapsed(),
            allow_partial: self.allow_partial,
        };
        for gap in &observed.policy.unseen {
            ui.warning(format_args!("not read: {gap}"));
        }
        warn_of_moments(&observed.policy, ui);
        Ok(observed)
    }
}

/// A subject with what the authorizer sees of it.
#[derive(Debug)]
pub struct Asker {
    /// As it is shown.
    pub shown: String,
    /// The authorizer's view.
    pub principal: Principal,
}

/// Resolves a subject; `me` is asked of the server.
///
/// # Errors
///
/// That the text is not a subject, or that the server does not tell the identity of this run.
pub async fn asker(text: &str, groups: &[String], observed: &Observed) -> Result<Asker> {
    if text == "me" {
        let principal = me(observed).await?;
        let shown = format!("me ({})", principal.user);
        return Ok(Asker { shown, principal });
    }
    let subject: Subject = text.parse().map_err(Error::usage)?;
    Ok(Asker {
        shown: subject.to_string(),
        principal: subject.principal(groups, true),
    })
}

/// Asks the server who this is.
///
/// # Errors
///
/// That there is no server, or that it does not tell.
pub async fn me(observed: &Observed) -> Result<Principal> {
    identity::me(observed.live("\"me\"")?).await
}

/// The action that the question is about.
#[derive(Args, Debug)]
pub struct ActionArgs {
    /// Verb: get, list, create, impersonate, …
    verb: String,

    #[arg(
        value_name = "RESOURCE",
        help = "RESOURCE[.GROUP][/SUBRESOURCE], or a path such as /metrics"
    )]
    what: String,

    /// Only the object of this name
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    name: String,
}

impl ActionArgs {
    /// Returns what is asked about, without a namespace, and warns of words that may not mean
    /// what they say.
    ///
    /// # Errors
    ///
    /// That it cannot be asked.
    pub fn action(&self, catalog: &Catalog, ui: &Ui) -> Result<Action> {
        let read = words::action(&self.verb, &self.what, &self.name, catalog);
        let (action, doubt) = read.map_err(|misread| match misread {
            Misread::Verbs => Error::usage(format!(
                "{:?} is not a verb: a question has exactly one",
                self.verb
            ))
            .with_hint("ask once for each verb"),
            Misread::NamedPath => Error::usage("--name does not apply to a path"),
        })?;
        if let Some(doubt) = doubt {
            ui.warning(doubt);
        }
        Ok(action)
    }
}
