//! Flags that several commands have.

use std::path::PathBuf;
use std::time::Instant;

use can_i_audit::model::naming::{self, Unclear};
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
    /// The subject itself.
    pub subject: Subject,
    /// The authorizer's view.
    pub principal: Principal,
}

/// How words are taken that nothing knows.
#[derive(Args, Clone, Copy, Debug)]
pub struct LiteralArgs {
    /// Accept verbs, resources and subjects that nothing knows, as they are written
    #[arg(long)]
    pub literal: bool,
}

/// Resolves a subject; `me` is asked of the server.
///
/// # Errors
///
/// That the text is not a subject, or that the server does not tell the identity of this run.
pub async fn asker(
    text: &str,
    groups: &[String],
    literal: LiteralArgs,
    observed: &Observed,
    ui: &Ui,
) -> Result<Asker> {
    if text == "me" {
        let principal = me(observed).await?;
        let shown = format!("me ({})", principal.user);
        let subject = Subject::of_user(&principal.user);
        return Ok(Asker {
            shown,
            subject,
            principal,
        });
    }
    let subject = match naming::subject(text, &observed.policy) {
        Ok(subject) => subject,
        Err(_) if literal.literal => Subject::of_user(text),
        Err(unclear) => return Err(not_clear(text, &unclear)),
    };
    if let Some((words, near)) = naming::doubt(&subject, &observed.policy) {
        ui.warning(words);
        if let [first, ..] = &near[..] {
            ui.hint(format_args!("did you mean {first}?"));
        }
    }
    Ok(Asker {
        shown: subject.to_string(),
        principal: subject.principal(groups, true),
        subject,
    })
}

/// Returns the namespace to look at: that of `-n`, else a service account's own, else that of the
/// context.
pub fn place<'a>(asker: &'a Asker, frame: &Frame, observed: &'a Observed) -> &'a str {
    match &asker.subject {
        Subject::Account(namespace, _) if frame.kube.namespace.is_none() => namespace,
        _ => &observed.namespace,
    }
}

fn not_clear(text: &str, unclear: &Unclear) -> Error {
    let near: Vec<String> = unclear.near.iter().map(ToString::to_string).collect();
    let near = near.join(", ");
    if unclear.several {
        return Error::usage(format!("several subjects are called {text:?}: {near}"))
            .with_hint("use the full form of one of them");
    }
    let error = Error::usage(format!(
        "{text:?} is not a subject that a binding names; use sa:NAMESPACE/NAME, user:NAME, \
         group:NAME, node:NAME or anonymous"
    ));
    if near.is_empty() {
        return error.with_hint("kubectl can-i-audit -o name lists those that are bound");
    }
    error.with_hint(format!("did you mean {near}?"))
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

    /// Name of the object
    #[arg(value_name = "OBJECT", num_args = 0..=3)]
    rest: Vec<String>,

    /// Only the object of this name
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    name: String,

    #[command(flatten)]
    pub literal: LiteralArgs,
}

impl ActionArgs {
    /// Returns the words in their order, without the "can" of a sentence.
    fn words(&self) -> Vec<&str> {
        let words = [&self.verb, &self.what].into_iter().chain(&self.rest);
        let words = words.map(String::as_str).enumerate();
        let words = words.filter(|(at, word)| *at > 0 || *word != "can");
        words.map(|(_, word)| word).collect()
    }

    /// Returns the subject that stands before these words, and the words: `why can alice get
    /// secrets` has it one word later.
    pub fn after(mut self, subject: String) -> (String, Self) {
        if subject != "can" || self.rest.is_empty() {
            return (subject, self);
        }
        let next = self.rest.remove(0);
        let what = std::mem::replace(&mut self.what, next);
        let subject = std::mem::replace(&mut self.verb, what);
        (subject, self)
    }

    /// Returns what is asked about, without a namespace, and warns of words that may not mean
    /// what they say.
    ///
    /// # Errors
    ///
    /// That it cannot be asked.
    pub fn action(&self, observed: &Observed, ui: &Ui) -> Result<Action> {
        let words = self.words();
        let (verb, what, name) = match words[..] {
            [verb, what] => (verb, what, self.name.as_str()),
            [verb, what, name] if self.name.is_empty() => (verb, what, name),
            [_] | [] => return Err(Error::usage("a question has a verb and a resource")),
            _ => {
                return Err(Error::usage(format!("too many words: {}", words.join(" ")))
                    .with_hint("a question is VERB RESOURCE [NAME], such as: get secrets db"));
            }
        };
        let literal = self.literal.literal || observed.mode == Mode::Sar;
        let read = words::action(verb, what, name, &observed.policy, literal);
        let (action, doubt) = read.map_err(|misread| refused(misread, verb, what))?;
        if let Some(doubt) = doubt {
            ui.warning(doubt);
        }
        Ok(action)
    }
}

fn refused(misread: Misread, verb: &str, what: &str) -> Error {
    let asked = |text: String, near: &[String]| {
        let error = Error::usage(text);
        if near.is_empty() {
            return error.with_hint("to ask literally: --literal");
        }
        let near = near.join(", or ");
        error.with_hint(format!("did you mean {near}? to ask literally: --literal"))
    };
    match misread {
        Misread::Verbs => Error::usage(format!(
            "{verb:?} is not a verb: a question has exactly one"
        ))
        .with_hint("ask once for each verb"),
        Misread::NamedPath => Error::usage("the name of an object does not apply to a path"),
        Misread::Verb(near) => asked(format!("{verb:?} is not a verb of {what}"), &near),
        Misread::Resource(near) => asked(
            format!("{what:?} is not a resource that is known here"),
            &near,
        ),
        Misread::Subresource(near) => asked(
            format!("{what:?} is not a subresource that is known here"),
            &[near],
        ),
    }
}
