//! Many people: what is done for each, how it ended, and both as tables and documents.

use std::path::PathBuf;

use groundcrew::error::{self, Error, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use serde::Serialize;

use crate::model::kind::Kind;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::prepared::Prepared;
use crate::model::onboarding::steps::Area;

/// Returns how a dry run for many ends.
#[must_use]
pub fn plan_exit(crew: &[Member]) -> Exit {
    if crew.iter().any(|member| member.task.is_err()) {
        Exit::Failed
    } else {
        Exit::Done
    }
}

/// One person and what was found.
#[derive(Debug)]
pub struct Member {
    /// The user name.
    pub user: String,
    /// Where the file declares the user.
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
    pub changes: Vec<Area>,
}

/// How it ended for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// The user name.
    pub user: String,
    /// Where the file declares the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The user's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// `onboarded`, `changed`, `unchanged`, `unproved`, `offboarded` or `failed`.
    pub result: &'static str,
    /// The user's file, when one was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// Why it failed, or what is not proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    pub exit: Exit,
}

/// Returns how it ended for a user when it failed.
#[must_use]
pub fn failed(user: String, line: Option<u64>, error: &Error) -> Ended {
    let mut reason = groundcrew::finding::reason(error);
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
        exit: if error.kind() == error::Kind::Interrupted {
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

/// What a run would do for one person.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned {
    user: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    changes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct People<T> {
    people: T,
}

/// Renders what a run would do, those who are offboarded last.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn plan(crew: &[Member], pruned: &[String], output: &OutputArgs) -> Result<String> {
    let mut all: Vec<Planned> = crew.iter().map(planned).collect();
    all.extend(pruned.iter().map(|user| Planned {
        user: user.clone(),
        line: None,
        namespace: None,
        changes: vec!["offboarded".to_owned()],
        error: None,
    }));
    match output.format {
        Format::Json => json(&Document::new(Kind::OnboardingPlan, People { people: all })),
        Format::Yaml => yaml(&Document::new(Kind::OnboardingPlan, People { people: all })),
        Format::Name => Ok(all.iter().map(|one| format!("{}\n", one.user)).collect()),
        Format::Table | Format::Wide => {
            let headers = ["USER", "NAMESPACE", "CHANGES"];
            let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
            for one in &all {
                let changes = match &one.error {
                    Some(error) => format!("cannot: {error}"),
                    None if one.changes.is_empty() => "<none>".to_owned(),
                    None => one.changes.join(", "),
                };
                let namespace = one.namespace.as_deref().unwrap_or("<none>");
                table.row([one.user.as_str(), namespace, &changes]);
            }
            Ok(table.render())
        }
    }
}

fn planned(member: &Member) -> Planned {
    let (namespace, changes, error) = match &member.task {
        Ok(task) => {
            let changes = task.changes.iter().map(|area| area.word().to_owned());
            let namespace = task.prepared.plan.namespace.clone();
            (Some(namespace), changes.collect(), None)
        }
        Err(error) => (None, Vec::new(), Some(error.to_string())),
    };
    Planned {
        user: member.user.clone(),
        line: member.line,
        namespace,
        changes,
        error,
    }
}

/// Renders how it ended.
///
/// # Errors
///
/// Only when a value has no form in that format.
pub fn report(ended: &[Ended], output: &OutputArgs) -> Result<String> {
    match output.format {
        Format::Json => json(&Document::new(
            Kind::OnboardingReport,
            People { people: ended },
        )),
        Format::Yaml => yaml(&Document::new(
            Kind::OnboardingReport,
            People { people: ended },
        )),
        Format::Name => Ok(ended.iter().map(|one| format!("{}\n", one.user)).collect()),
        Format::Table | Format::Wide => {
            let headers = ["USER", "NAMESPACE", "RESULT", "KUBECONFIG"];
            let mut table = Table::new((!output.no_headers).then_some(headers.as_slice()));
            for one in ended {
                let file = one
                    .kubeconfig
                    .as_ref()
                    .map(|path| path.display().to_string());
                let namespace = one.namespace.as_deref().unwrap_or("<none>");
                let file = file.as_deref().unwrap_or("<none>");
                table.row([one.user.as_str(), namespace, one.result, file]);
            }
            Ok(table.render())
        }
    }
}
