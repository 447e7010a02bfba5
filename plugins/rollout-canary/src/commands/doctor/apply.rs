//! The repairs.

use std::time::Duration;

use groundcrew::app::{Frame, Interrupt};
use groundcrew::cluster::{Patience, poll};
use groundcrew::error::{Error, Result};
use groundcrew::flags::DryRun;

use crate::cluster::deployment;
use crate::cluster::routes::{leftover, write as routes};
use crate::cluster::write::{self, Written};
use crate::commands::doctor::decide::{Outcome, Problem, Repair};
use crate::commands::doctor::observe::Observed;
use crate::drive::session::Open;
use crate::model::patch::{self, Before};
use crate::model::snapshot::Snapshot;
use crate::model::traffic::service::Canary;

/// How often the Deployment is read again when only its status was in the way.
const TRIES: usize = 5;

/// Carries out the repairs, or shows what they would do, one by one.
///
/// # Errors
///
/// What the server says.
pub async fn repair(
    problems: &mut [Problem<'_>],
    observed: &Observed,
    open: &Open,
    dry_run: DryRun,
    frame: &Frame,
) -> Result<()> {
    for Problem { finding, repair } in problems {
        let Some(repair) = repair else { continue };
        let outcome = match dry_run {
            DryRun::Client => repair.outcome(),
            DryRun::None | DryRun::Server => {
                let interrupt = &frame.interrupt;
                let sent = send(repair, observed, open, dry_run == DryRun::Server, interrupt);
                interrupt.guard(sent).await?
            }
        };
        finding.fixed = dry_run == DryRun::None && outcome != Outcome::Unchanged;
        let said = format!("{}{}", outcome.word(), dry_run.suffix());
        frame.ui.done(repair.object(&open.target), said);
    }
    Ok(())
}

/// Carries out one repair; says what came of it.
async fn send(
    repair: &Repair<'_>,
    observed: &Observed,
    open: &Open,
    dry_run: bool,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let (session, cluster) = (&open.session, &observed.cluster);
    let is_done = match repair {
        Repair::Route(route) => {
            leftover::take_route_back(session, &observed.left, route, dry_run).await?;
            true
        }
        Repair::ExtraService(service) => {
            let canary = Canary::left(&open.target, &cluster.deployment);
            routes::delete_service(session, &canary, service, dry_run).await?;
            true
        }
        Repair::DropRecord(stored) => open.store.delete(stored, dry_run).await?,
        Repair::LetGo(before) => {
            let_go(cluster, before.as_ref(), open, dry_run, interrupt).await?;
            true
        }
    };
    Ok(if is_done {
        repair.outcome()
    } else {
        Outcome::Unchanged
    })
}

/// Lets go of the Deployment as it was found. What the controllers write into its status meanwhile
/// is nobody's change.
async fn let_go(
    cluster: &Snapshot,
    before: Option<&Before>,
    open: &Open,
    dry_run: bool,
    interrupt: &Interrupt,
) -> Result<()> {
    let (session, target) = (&open.session, &open.target);
    if !dry_run {
        caught_up(open, interrupt).await?;
    }
    for _ in 0..TRIES {
        let current = deployment::deployment(session, target).await?;
        let same = ["uid", "generation", "labels"]
            .iter()
            .all(|key| current["metadata"][key] == cluster.deployment["metadata"][key]);
        if !same {
            break;
        }
        match write::send(session, target, &patch::let_go(&current, before), dry_run).await? {
            Written::Done(_) => return Ok(()),
            Written::LookAgain => {}
            Written::Blind(why) => return Err(Error::failed(why)),
        }
    }
    Err(Error::conflict(
        "the Deployment changed in the meantime; nothing was written to it",
    ))
}

/// Waits until every ReplicaSet's status is of what it is now: what grows before that costs Ready pods.
async fn caught_up(open: &Open, interrupt: &Interrupt) -> Result<()> {
    let look = async || {
        let cluster = deployment::cluster(&open.session, &open.target).await?;
        Ok(cluster.is_caught_up().then_some(()))
    };
    poll(CONTROLLERS, interrupt, look).await?.ok_or_else(|| {
        Error::failed(
            "the controllers have not caught up with the Deployment; nothing was written to it",
        )
        .with_hint(format!(
            "try again:  {}",
            open.target.words("doctor", "--fix")
        ))
    })
}

/// How long, and how often, controllers are waited for.
const CONTROLLERS: Patience = Patience {
    limit: Duration::from_secs(30),
    first: Duration::from_millis(500),
    longest: Duration::from_millis(500),
};
