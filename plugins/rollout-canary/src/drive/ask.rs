//! Asking the driver that is at work for another goal.

use std::time::Duration;

use groundcrew::app::Interrupt;
use groundcrew::error::{Error, Result};
use tokio::time::Instant;

use crate::cluster::records::Put;
use crate::drive::session::Open;
use crate::drive::this_process;
use crate::model::record::driver::Driving;
use crate::model::record::{Goal, Record, Request};

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The driver did it.
    Done,
    /// The driver is gone: the one who asks has to do it.
    TakeOver,
}

/// Notes the wish in the record and waits until the driver has carried it out.
///
/// # Errors
///
/// That a stronger wish is noted already; what the server says; a timeout; Ctrl-C.
pub async fn ask(
    open: &Open,
    goal: &Goal,
    timeout: Option<Duration>,
    interrupt: &Interrupt,
) -> Result<Answered> {
    let begun = Instant::now();
    let mut noted = false;
    loop {
        let (stored, clock) = interrupt.guard(open.store.read(&open.session)).await?;
        let Some(stored) = stored else {
            return Ok(Answered::Done);
        };
        let me = this_process::me(clock.now());
        match this_process::standing(stored.record.driver.as_ref(), &me, clock.now()) {
            Driving::Other => {}
            Driving::Nobody | Driving::Gone | Driving::Me => return Ok(Answered::TakeOver),
        }
        if !noted && !is_going(&stored.record, goal) {
            let request = Request { goal: goal.clone() };
            let record = Record {
                request: Some(request),
                ..stored.record.clone()
            };
            noted = matches!(open.store.replace(&stored, &record).await?, Put::Done(_));
        }
        if let Some(longest) = timeout
            && begun.elapsed() >= longest
        {
            return Err(Error::timed_out(
                "timed out: the driver was asked and has not finished",
            ));
        }
        interrupt
            .guard(async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Ok(())
            })
            .await?;
    }
}

/// Says whether the driver is on that way already, or was asked to; abort beats promote.
fn is_going(record: &Record, goal: &Goal) -> bool {
    let asked = record.request.as_ref().map(|request| &request.goal);
    let aborts = |goal: &Goal| matches!(goal, Goal::Abort { .. });
    let promotes = |goal: &Goal| matches!(goal, Goal::Promote { .. });
    let is = |test: &dyn Fn(&Goal) -> bool| test(&record.goal) || asked.is_some_and(test);
    let holds = |goal: &Goal| matches!(goal, Goal::Hold { .. });
    // A rollout that is over stays where it is without being asked.
    is(&aborts) || (promotes(goal) && is(&promotes)) || (holds(goal) && record.rollout.is_none())
}
