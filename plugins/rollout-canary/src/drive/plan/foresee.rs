//! What a run does from here to its goal: its dry run shows it, and the driver announces the same
//! forms in the record before it acts.

use groundcrew::error::{Error, Result};

use crate::cluster::records::Stored;
use crate::cluster::routes::{detect, write as routes};
use crate::cluster::write::{self, Written};
use crate::drive::routes::no_route;
use crate::drive::session::Open;
use crate::model::conflict::told;
use crate::model::controller::world::World;
use crate::model::machine;
use crate::model::machine::next::End;
use crate::model::patch;
use crate::model::record::{Goal, Record};
use crate::model::snapshot::Snapshot;
use crate::model::steps::{Step, Watch};
use crate::model::traffic::service::Canary;
use crate::model::traffic::{Router, Shared, share};
use crate::model::walk::{Walk, sight, walk};
use crate::model::weight::Weight;

/// What a run will do, if everything goes well and nobody else changes anything.
#[derive(Debug)]
pub struct Foreseen {
    /// Step by step.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
    /// The pods at the end.
    pub world: World,
    /// The record as it is written first.
    record: Record,
}

/// How far a run goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// To the goal.
    Once,
    /// Through all weights of the rollout.
    ToTheEnd,
}

/// Who may drive when a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// Nobody else: the run is refused otherwise.
    ByNobodyElse,
    /// Anybody: another driver is asked to do it.
    ByAnybody,
}

/// Foresees a run along a way, and what routes are to do on it.
///
/// # Errors
///
/// What the run would end with.
pub async fn along(open: &Open, mut way: Walk, pace: Pace) -> Result<Foreseen> {
    let first = way.record.clone();
    let mut steps = Vec::new();
    let mut shared = way.record.shared.clone();
    loop {
        let end = way
            .end
            .clone()
            .map_err(|conflict| told(&conflict, &open.target))?;
        let holds = matches!(end, End::Parked | End::Held);
        let router = way.record.router;
        let leaves = !way.stages.is_empty() || !holds || router == Router::Replicas;
        if let Some(given) = shared.take_if(|_| leaves) {
            steps.extend(restored(open, &given).await?);
        }
        steps.extend(way.stages.iter().map(|stage| Step::Form(stage.form)));
        if holds && router != Router::Replicas {
            let (given, share) = give(open, &way).await?;
            steps.extend(given);
            shared = share;
        }
        let seen = sight(&way.record, &way.world, way.form);
        let is_driven = end == End::Held && machine::is_driven(&way.record, &seen);
        let watch = Watch::of(&way.record, is_driven).filter(|_| pace == Pace::ToTheEnd);
        let next = watch.and_then(|watch| {
            let time = watch.time(end)?;
            steps.push(watch.step(end, time));
            next(&way.record, end)
        });
        let Some(record) = next else {
            return Ok(Foreseen {
                steps,
                end,
                world: way.world,
                record: first,
            });
        };
        way = walk(record, way.world, way.form);
    }
}

/// Returns the record with the goal that follows when nothing speaks against the canary.
fn next(record: &Record, end: End) -> Option<Record> {
    if matches!(end, End::Promoted | End::Aborted) {
        return None;
    }
    let mut record = record.clone();
    record.onward(String::new()).then_some(record)
}

/// The steps in which routes are taken back.
async fn restored(open: &Open, shared: &Shared) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for change in &shared.changes {
        let route = change.route.clone();
        let is_there = routes::is_there(&open.session, &route).await?;
        steps.push(if is_there {
            Step::Restored(route)
        } else {
            Step::Gone(route)
        });
    }
    Ok(steps)
}

/// The steps in which routes give a share of their requests.
pub(super) async fn give(open: &Open, way: &Walk) -> Result<(Vec<Step>, Option<Shared>)> {
    let Goal::Hold { weight } = way.record.goal else {
        return Ok((Vec::new(), None));
    };
    let record = &way.record;
    let canary = Canary::of(&open.target, &record.uid, record.templates(), "");
    let found = detect::detect(&open.session, &canary).await?;
    let Some(target) = found.target else {
        let why = found.why.unwrap_or_default();
        return if record.router == Router::Gateway {
            Err(no_route(&why))
        } else {
            Ok((vec![Step::NoRoute(why)], None))
        };
    };
    let (stable, canary) = (way.world.stable.size, way.world.canary.size);
    let natural = f64::from(canary) / f64::from((stable + canary).max(1));
    let Some(extra) = share::extra(weight, natural) else {
        let enough = Step::Enough {
            by_pods: Weight::nearest(natural),
            asked: weight,
        };
        return Ok((vec![enough], None));
    };
    let shared = Shared::planned(record.seq, target, natural, extra);
    let steps = shared.changes.iter();
    let steps = steps.map(|change| Step::given(&shared, &change.route));
    Ok((steps.collect(), Some(shared)))
}

/// Lets the server check what a run writes first, and keeps nothing: the record, and the first patch
/// of the Deployment.
///
/// # Errors
///
/// The server's refusal; that the Deployment or the record changed meanwhile.
pub async fn check(
    open: &Open,
    stored: Option<&Stored>,
    foreseen: &Foreseen,
    cluster: &Snapshot,
) -> Result<()> {
    open.store.check(stored, &foreseen.record).await?;
    let form = foreseen.steps.iter().find_map(|step| match step {
        Step::Form(form) => Some(form),
        _ => None,
    });
    let Some(form) = form else {
        return Ok(());
    };
    // The controller may have written status since: what is checked is what is sent, not when.
    let operations = patch::unbound(&foreseen.record, form, &cluster.deployment);
    match write::send(&open.session, &open.target, &operations, true).await? {
        Written::Done(_) => Ok(()),
        Written::LookAgain => Err(Error::conflict(format!(
            "deployment {} changed in the meantime; run this again",
            open.target.name
        ))),
        Written::Blind(why) => Err(Error::failed(why)),
    }
}
