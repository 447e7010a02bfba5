//! `renew --due`: ends the credentials whose grace is over.

use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};
use jiff::Timestamp;

use crate::cluster::onboarding::onboarder::Onboarder;
use crate::cluster::onboarding::{many, onboarder};
use crate::cluster::people;
use crate::local::delivery::Files;
use crate::model::onboarding::options::{Options, Task};
use crate::model::onboarding::summary;
use crate::model::onboarding::summary::plan_exit;
use crate::model::user::UserName;

/// Ends the credentials whose grace is over: of one person, or of everybody.
///
/// # Errors
///
/// What the server says; what fails for one person is part of the answer.
pub async fn retire(
    who: Option<&UserName>,
    write: &WriteArgs,
    output: &OutputArgs,
    frame: &Frame,
) -> Result<Exit> {
    let (ui, interrupt) = (&frame.ui, &frame.interrupt);
    let session = interrupt.guard(frame.connect()).await?;
    let found = interrupt.guard(people::all(&session)).await?;
    for why in &found.unreadable {
        ui.warning(why);
    }
    let now = Timestamp::now();
    let mut due = Vec::new();
    for (record, _) in &found.known {
        let over = record.generations.iter().any(|issue| issue.is_due(now));
        let meant = who.is_none_or(|who| who.as_str() == record.user);
        if meant && record.ended.is_none() && over {
            let options = UserName::parse(&record.user).map(|user| Options {
                server: frame.kube.server.clone(),
                ..Options::of(user, Task::Retire).written(write)
            });
            due.push((record.user.clone(), None, options));
        }
    }
    if due.is_empty() {
        ui.status("no grace period is over.");
    }
    let valid: Vec<&Options> = due
        .iter()
        .filter_map(|(_, _, options)| options.as_ref().ok())
        .collect();
    let me = interrupt.guard(onboarder::may(&session, &valid)).await?;
    let onboarder = Onboarder {
        session: &session,
        me: &me,
        tuning: frame.kube.tuning(),
        delivery: &Files,
        ui,
        interrupt,
    };
    let crew = many::survey(&onboarder, due).await;
    if write.dry_run != DryRun::None {
        ui.answer(summary::plan(&crew, &[], output)?)?;
        return Ok(plan_exit(&crew));
    }
    let bar = ui.bar("revoking old credentials", crew.len() as u64);
    let ended = many::carry_out(&onboarder, crew, &bar).await;
    drop(bar);
    many::tell(&ended, "", ui);
    ui.answer(summary::report(&ended, output)?)?;
    session.finish()?;
    Ok(match summary::exit(&ended) {
        Exit::Done if !found.unreadable.is_empty() => Exit::Incomplete,
        exit => exit,
    })
}
