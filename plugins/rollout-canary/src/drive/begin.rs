//! The beginning of a canary: the record is written, and nothing else.

use groundcrew::app::Interrupt;
use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use groundcrew::ui::Ui;

use crate::cluster::records::Put;
use crate::cluster::routes::detect;
use crate::cluster::watch::Watching;
use crate::drive::driver::{Drive, Patience};
use crate::drive::plan::before::{before, canary, planned, record};
use crate::drive::session::Open;
use crate::drive::{lease, plan, routes, this_process};
use crate::model::intent::Intent;
use crate::model::record::Record;
use crate::model::traffic::Router;
use crate::model::traffic::service::Canary;

/// Starts a canary: returns the driver, with the record written and nothing else.
///
/// # Errors
///
/// What stands in the way; what the server says.
pub async fn begin<'a>(
    intent: &Intent,
    open: &'a Open,
    clock: Clock,
    patience: Patience,
    ui: &'a Ui,
    interrupt: &'a Interrupt,
) -> Result<Drive<'a>> {
    let watching = interrupt
        .guard(Watching::open(&open.session, &open.target))
        .await?;
    let cluster = watching.cluster.clone();
    let before = before(&cluster, &open.target)?;
    let canary = interrupt
        .guard(canary(&intent.change, open, &cluster, &before))
        .await?;
    let weight = intent.weights.first();
    let me = this_process::me(clock.now());
    let record = Record {
        rollout: intent.course.rollout().cloned(),
        asked: intent.asked.clone(),
        ..record(&intent.split, &cluster, before, canary, weight, &me, &clock)
    };
    let planned = planned(&record, &cluster, &open.target, &intent.course)?;
    ui.status(format_args!("│ plan: {}", plan::planned(&planned)));
    if record.router == Router::Gateway {
        let canary = Canary::of(&open.target, &record.uid, record.templates(), "");
        let found = interrupt
            .guard(detect::detect(&open.session, &canary))
            .await?;
        if found.target.is_none() {
            return Err(routes::no_route(&found.why.unwrap_or_default()));
        }
    }
    let record = Record {
        forms: planned.record.forms.clone(),
        ..record
    };
    let stored = match open.store.create(&record).await? {
        Put::Done(stored) => *stored,
        Put::Blind(why) => return Err(Error::failed(format!("the record is not written: {why}"))),
        Put::Raced => {
            let (found, _) = open.store.read(&open.session).await?;
            let driver = found.and_then(|found| found.record.driver);
            return Err(driver.map_or_else(
                || Error::conflict("somebody else has just started a canary; nothing was written"),
                |driver| lease::other(&driver),
            ));
        }
    };
    let context = open.context(ui, interrupt);
    Ok(Drive::new(context, watching, stored, clock, me, patience))
}
