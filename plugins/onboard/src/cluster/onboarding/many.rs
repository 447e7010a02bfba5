//! Many people at once: looked at first, then one after the other done, a few at a time.

use std::path::PathBuf;

use futures::StreamExt as _;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::ui::{Progress, Ui};
use serde::Serialize;

use crate::observe::Cache;
use crate::options::Options;
use crate::plan::changes::changes;
use crate::proof::Check;
use crate::run::{Host, Prepared, prepare};

/// People who are worked on at the same time; the API server's flow control takes that easily.
const CONCURRENCY: usize = 8;

/// One person and what was found.
#[derive(Debug)]
pub struct Member {
    /// The user name.
    pub user: String,
    /// Where the file declares her.
    pub line: Option<u64>,
    /// What is to be done, or why it cannot be.
    pub task: Result<Task>,
}

/// What is to be done for one person.
#[derive(Debug)]
pub struct Task {
    /// What was asked for.
    pub options: Options,
    /// What was found, and the plan.
    pub prepared: Prepared,
    /// What changes; nothing is written when nothing does.
    pub changes: Vec<&'static str>,
}

/// How it ended for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The user name.
    pub user: String,
    /// Where the file declares her.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Her namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `onboarded`, `changed`, `unchanged`, `unproved`, `offboarded` or `failed`.
    pub result: &'static str,
    /// Her file, when one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// Why it failed, or what is not proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    pub exit: Exit,
}

/// Looks at everybody; writes nothing.
pub async fn survey(
    host: &Host<'_>,
    people: Vec<(String, Option<u64>, Result<Options>)>,
) -> Vec<Member> {
    let cache = &Cache::default();
    let look = async |options: Options| -> Result<Task> {
        let looking = prepare(host.session, &options, cache);
        let prepared = host.interrupt.guard(looking).await?;
        let (plan, observed) = (&prepared.plan, &prepared.observed);
        let changes = changes(&options.user, plan, observed, prepared.now);
        Ok(Task {
            options,
            prepared,
            changes,
        })
    };
    futures::stream::iter(people)
        .map(async |(user, line, options)| Member {
            user,
            line,
            task: match options {
                Ok(options) => look(options).await,
                Err(error) => Err(error),
            },
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// Does what is to be done; the failure of one stops nobody else.
pub async fn carry_out(host: &Host<'_>, crew: Vec<Member>, bar: &Progress) -> Vec<Ended> {
    let silent = host.ui.muted();
    let quiet = &Host {
        ui: &silent,
        ..*host
    };
    futures::stream::iter(crew)
        .map(async |member| {
            let ended = one(quiet, member).await;
            bar.advance();
            ended
        })
        .buffered(CONCURRENCY)
        .collect()
        .await
}

async fn one(host: &Host<'_>, member: Member) -> Ended {
    let Member { user, line, task } = member;
    let mut task = match task {
        Ok(task) => task,
        Err(error) => return failed(user, line, &error),
    };
    let mut ended = Ended {
        namespace: Some(task.prepared.plan.namespace.clone()),
        user,
        line,
        result: "unchanged",
        kubeconfig: None,
        reason: None,
        exit: Exit::Done,
    };
    if task.changes.is_empty() {
        return ended;
    }
    if host.interrupt.is_set() {
        return failed(ended.user, line, &Error::interrupted());
    }
    match host.carry_out(&task.options, &mut task.prepared).await {
        Ok(outcome) => {
            let open: Vec<String> = outcome
                .checks
                .iter()
                .filter(|check| !check.passed())
                .map(ToString::to_string)
                .collect();
            ended.exit = Check::exit(&outcome.checks);
            ended.result = match ended.exit {
                Exit::Done if task.changes.contains(&"credential") => "onboarded",
                Exit::Done => "changed",
                _ => "unproved",
            };
            ended.reason = (!open.is_empty()).then(|| open.join("; "));
            ended.kubeconfig = outcome.file;
            ended
        }
        Err(error) => Ended {
            namespace: ended.namespace,
            ..failed(ended.user, line, &error)
        },
    }
}

/// Returns the end of somebody for whom it did not work.
#[must_use]
pub fn failed(user: String, line: Option<u64>, error: &Error) -> Ended {
    let mut reason = error.headline();
    if let Some(rest) = reason.strip_prefix("error: ") {
        reason = rest.to_owned();
    }
    for more in error.details() {
        reason.push_str("; ");
        reason.push_str(more.trim());
    }
    Ended {
        user,
        line,
        namespace: None,
        result: "failed",
        kubeconfig: None,
        reason: Some(reason),
        exit: if error.kind() == Kind::Interrupted {
            Exit::Interrupted
        } else {
            Exit::Failed
        },
    }
}

/// Returns how a run for many ends: what failed outweighs what is open.
#[must_use]
pub fn exit(ended: &[Ended]) -> Exit {
    let worst = [Exit::Interrupted, Exit::Failed, Exit::No, Exit::Incomplete];
    let has = |exit: &Exit| ended.iter().any(|one| one.exit == *exit);
    worst.into_iter().find(has).unwrap_or(Exit::Done)
}

/// Says on stderr for whom it did not work.
pub fn tell(ended: &[Ended], file: &str, ui: &Ui) {
    for one in ended {
        let Some(reason) = &one.reason else { continue };
        let place = match one.line {
            Some(line) => format!("{file}:{line}: "),
            None => String::new(),
        };
        let user = if one.user.is_empty() {
            "(no name)"
        } else {
            &one.user
        };
        ui.warning(format_args!("{place}{user}: {reason}"));
    }
}
