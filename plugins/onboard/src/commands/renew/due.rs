//! `renew --due`: ends the credentials whose grace is over.

use groundcrew::app::Frame;
use groundcrew::client::clock;
use groundcrew::error::{Error, Kind, Result};
use groundcrew::exit::Exit;
use groundcrew::flags::{DryRun, OutputArgs, WriteArgs};

use crate::cluster::onboarding::onboarder::Onboarder;
use crate::cluster::onboarding::{many, onboarder};
use crate::cluster::people;
use crate::local::delivery::Files;
use crate::model::onboarding::options::{Options, Task, Way};
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
    let looking = futures::future::try_join(people::all(&session), clock::read(&session));
    let (found, clock) = interrupt.guard(looking).await?;
    // Rights are taken by the server's clock; where two clocks disagree by that much, somebody has
    // to look which of them is wrong first.
    if let Some(off) = clock.off() {
        return Err(Error::new(
            Kind::Incomplete,
            format!("this machine's clock is {off} the server's; nothing was revoked"),
        )
        .with_hint("correct whichever clock is wrong, then run this again"));
    }
    for why in &found.unreadable {
        ui.warning(why);
    }
    let now = clock.now();
    let mut due = Vec::new();
    for (record, _) in &found.known {
        let over = record.generations.iter().any(|issue| issue.is_due(now));
        let meant = who.is_none_or(|who| who.as_str() == record.user);
        if meant && record.ended.is_none() && over {
            let options = UserName::parse(&record.user).map(|user| Options {
                way: Way::of_nobody(),
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
