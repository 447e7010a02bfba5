//! Many people at once: looked at first, then one after the other done, a few at a time.

use futures::StreamExt as _;
use groundcrew::error::{Error, Result};
use groundcrew::exit::Exit;
use groundcrew::ui::{Progress, Ui};

use crate::cluster::endpoint::Cache;
use crate::cluster::onboarding::onboarder::{Onboarder, prepare};
use crate::model::check::Check;
use crate::model::onboarding::options::Options;
use crate::model::onboarding::steps::Area;
use crate::model::onboarding::summary::{Ended, Member, Task, failed};

/// People who are worked on at the same time; the API server's flow control takes that easily.
const CONCURRENCY: usize = 8;

/// Looks at everybody; writes nothing.
pub async fn survey(
    onboarder: &Onboarder<'_>,
    people: Vec<(String, Option<u64>, Result<Options>)>,
) -> Vec<Member> {
    let cache = &Cache::default();
    let look = async |options: Options| -> Result<Task> {
        let looking = prepare(onboarder.session, &options, onboarder.delivery, cache);
        let prepared = onboarder.interrupt.guard(looking).await?;
        let changes = prepared.steps.areas();
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

/// Lets the server check what a run would write; writes nothing. What it refuses takes the place
/// of what was to be done.
pub async fn rehearse(onboarder: &Onboarder<'_>, crew: Vec<Member>) -> Vec<Member> {
    let silent = onboarder.ui.muted();
    let quiet = &Onboarder {
        ui: &silent,
        ..*onboarder
    };
    let rehearsed = async |member: Member| {
        let Ok(task) = &member.task else {
            return member;
        };
        if task.changes.is_empty() {
            return member;
        }
        let trying = quiet.run(&task.options, &task.prepared);
        match onboarder.interrupt.guard(trying.rehearse()).await {
            Ok(_) => member,
            Err(error) => Member {
                task: Err(error),
                ..member
            },
        }
    };
    futures::stream::iter(crew)
        .map(rehearsed)
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// Does what is to be done; the failure of one stops nobody else.
pub async fn carry_out(onboarder: &Onboarder<'_>, crew: Vec<Member>, bar: &Progress) -> Vec<Ended> {
    let silent = onboarder.ui.muted();
    let quiet = &Onboarder {
        ui: &silent,
        ..*onboarder
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

async fn one(onboarder: &Onboarder<'_>, member: Member) -> Ended {
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
    if onboarder.interrupt.is_set() {
        return failed(ended.user, line, &Error::interrupted());
    }
    match onboarder.carry_out(&task.options, &mut task.prepared).await {
        Ok(outcome) => {
            let open: Vec<String> = outcome
                .checks
                .iter()
                .filter(|check| !check.passed())
                .map(ToString::to_string)
                .collect();
            ended.exit = Check::exit(&outcome.checks);
            ended.result = match ended.exit {
                Exit::Done if task.changes.contains(&Area::Credential) => "onboarded",
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

/// Says on stderr for which users it failed.
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
