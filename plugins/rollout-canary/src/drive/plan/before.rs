//! What a canary may begin on, and its record before anything is written.

use groundcrew::client::clock::Clock;
use groundcrew::error::{Error, Result};
use serde_json::Value;

use crate::cluster::template;
use crate::drive::session::Open;
use crate::model::change::Change;
use crate::model::controller::rounding::resolve;
use crate::model::controller::world::World;
use crate::model::findings::owners;
use crate::model::intent::{Course, Intent, Split};
use crate::model::machine::next::End;
use crate::model::machine::split::choose;
use crate::model::names::{MARKER, is_hold};
use crate::model::object::{hash, size, text, without_hash};
use crate::model::ownership;
use crate::model::record::driver::Driver;
use crate::model::record::form::Original;
use crate::model::record::{Goal, LARGEST_BUDGET, Record, VERSION};
use crate::model::snapshot::Snapshot;
use crate::model::target::Target;
use crate::model::walk::{Walk, walk};
use crate::model::weight::Weight;
use groundcrew::plural::count;

/// What the Deployment is like before a canary.
pub struct Before {
    /// The template of the pods that run.
    pub template: Value,
    /// Hash of their ReplicaSet.
    pub hash: String,
    /// Whether another template is pending in the paused Deployment.
    pub pending: bool,
}

/// Checks that there is one rollout's worth of pods and nothing under way.
pub fn before(cluster: &Snapshot, target: &Target) -> Result<Before> {
    let name = &target.name;
    let spec = &cluster.deployment["spec"];
    let refuse = |why: String| Error::failed(format!("deployment {name} {why}"));
    let kubectl =
        |words: &str| format!("kubectl {words} deployment/{name} -n {}", target.namespace);
    if cluster.deployment["metadata"]["deletionTimestamp"].is_string() {
        return Err(refuse("is being deleted".to_owned()));
    }
    if cluster.deployment["metadata"]["labels"][MARKER].is_string()
        || is_hold(&spec["minReadySeconds"])
    {
        return Err(Error::conflict(format!(
            "deployment {name} is held or marked by a canary that has no record"
        ))
        .with_hint(format!(
            "repair it:  {}",
            target.words("doctor", "--repair")
        )));
    }
    if resolve(&spec["strategy"], 1).is_none() {
        return Err(refuse(format!(
            "has the strategy {}, which replaces all pods at once",
            text(&spec["strategy"]["type"])
        ))
        .with_hint("a canary needs RollingUpdate, and pods that can run beside each other"));
    }
    if cluster.replicas() == 0 {
        return Err(refuse("has no replicas".to_owned()).with_hint(kubectl("scale --replicas=N")));
    }
    let active = cluster.active();
    let [stable] = active.as_slice() else {
        let names = active.iter().map(|set| text(&set["metadata"]["name"]));
        return Err(refuse(format!(
            "has a rollout under way: pods of {}",
            names.collect::<Vec<_>>().join(", ")
        ))
        .with_hint(kubectl("rollout status")));
    };
    let template = without_hash(&stable["spec"]["template"]);
    let current = template == without_hash(&spec["template"]);
    let paused = spec["paused"] == true;
    if paused && current {
        return Err(refuse("is paused, and no change is pending".to_owned())
            .with_hint(kubectl("rollout resume")));
    }
    if !paused && !current {
        return Err(
            refuse("has a rollout under way".to_owned()).with_hint(kubectl("rollout status"))
        );
    }
    if size(stable) != cluster.replicas() {
        return Err(refuse("is being scaled".to_owned()).with_hint(kubectl("rollout status")));
    }
    let ready = cluster.ready();
    if i32::try_from(ready).unwrap_or(i32::MAX) < cluster.replicas() {
        return Err(refuse(format!(
            "has {ready} of {} pods Ready: all of them must be Ready before a canary starts",
            cluster.replicas()
        ))
        .with_hint(kubectl("rollout status")));
    }
    Ok(Before {
        template,
        hash: hash(stable).to_owned(),
        pending: paused,
    })
}

/// Returns the canary's template.
///
/// # Errors
///
/// That nothing is new; the server's refusal.
pub async fn canary(
    change: &Change,
    open: &Open,
    cluster: &Snapshot,
    before: &Before,
) -> Result<Value> {
    let name = &open.target.name;
    if *change == Change::Pending {
        if before.pending {
            return Ok(without_hash(&cluster.deployment["spec"]["template"]));
        }
        return Err(nothing_new(&open.target));
    }
    if before.pending {
        return Err(Error::usage(format!(
            "deployment {name} is paused with a pending template, and the flags ask for another \
             one"
        ))
        .with_hint(format!(
            "try the pending one:  {}",
            open.target.words("", "10%")
        )));
    }
    let (session, target) = (&open.session, &open.target);
    let template = template::filled_in(session, target, change, &before.template).await?;
    if template == before.template {
        return Err(Error::usage(
            "the canary would be the same as the stable pods: the template does not change",
        )
        .with_hint("the same image once more:  --restart"));
    }
    Ok(template)
}

/// Returns the error for a canary in which nothing is new.
#[must_use]
pub fn nothing_new(target: &Target) -> Error {
    Error::usage("nothing to roll out: pass --image, --env, --patch, -f or --restart")
        .with_hint(target.words("", "10% --image CONTAINER=IMAGE"))
}

/// Returns the record of a canary that is about to begin.
#[must_use]
pub fn record(
    intent: &Intent,
    cluster: &Snapshot,
    before: Before,
    canary: Value,
    me: &Driver,
    clock: &Clock,
) -> Record {
    let spec = &cluster.deployment["spec"];
    let replicas = cluster.replicas();
    let own = resolve(&spec["strategy"], replicas).unwrap_or_default();
    let Split {
        layout,
        surge,
        router,
        accept_weight,
        yes: _,
    } = intent.split;
    let budget = surge
        .map_or(own.surge, |surge| surge.pods(replicas))
        .clamp(1, LARGEST_BUDGET);
    Record {
        version: VERSION,
        run: format!("{:08x}", fastrand::u32(..)),
        fence: 1,
        uid: cluster.uid().to_owned(),
        since: clock.now(),
        by: me.user.clone(),
        managers: Vec::new(),
        original: Original {
            template: before.template,
            pending: before.pending,
            replicas,
            min_ready: spec["minReadySeconds"].as_i64().unwrap_or_default(),
            deadline: spec["progressDeadlineSeconds"].as_i64(),
            strategy: spec["strategy"].clone(),
            keeper: owners::git_keeper(&cluster.deployment).map(str::to_owned),
            managers: ownership::others(&cluster.deployment),
        },
        canary,
        stable_hash: before.hash,
        budget,
        layout,
        accept_weight,
        goal: Goal::Hold {
            weight: intent.weights.first(),
        },
        seq: 1,
        forms: Vec::new(),
        rollout: intent.course.rollout().cloned(),
        asked: intent.asked.clone(),
        judge: None,
        router: router.unwrap_or_default(),
        shared: None,
        driver: Some(me.clone()),
        request: None,
    }
}

/// Checks that the layout that was asked for can be had at all.
///
/// # Errors
///
/// Usage, when it cannot.
pub fn possible(record: &Record, cluster: &Snapshot) -> Result<()> {
    let replicas = cluster.replicas();
    let own = record.own_steps(replicas);
    let weight = match record.goal {
        Goal::Hold { weight } => weight,
        Goal::Promote { .. } | Goal::Abort { .. } => Weight::ALL,
    };
    if choose(replicas, own, record.budget, record.layout, weight).is_some() {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{} cannot be split safely with this layout",
        count(replicas, "replica")
    ))
    .with_hint("use what is possible:  --layout auto, or a larger --surge"))
}

/// A split that can be parked and is far from what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// What was asked.
    pub asked: Weight,
    /// Stable pods of the nearest split.
    pub stable: i32,
    /// Canary pods of it.
    pub canary: i32,
}

impl std::fmt::Display for Nearest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            asked,
            stable,
            canary,
        } = *self;
        write!(
            f,
            "asked {asked}, and the nearest split is {}: {} and {}",
            Weight::of(canary, stable + canary),
            count(stable, "stable pod"),
            count(canary, "canary pod")
        )
    }
}

/// Returns the nearest split, where it is so far from what was asked that somebody has to want it.
#[must_use]
pub fn nearest(record: &Record, cluster: &Snapshot) -> Option<Nearest> {
    let Goal::Hold { weight: asked } = record.goal else {
        return None;
    };
    let replicas = cluster.replicas();
    let own = record.own_steps(replicas);
    let walk = walk(record.clone(), World::at_rest(replicas, own), None);
    let (stable, canary) = (walk.world.stable.size, walk.world.canary.size);
    let is_far = is_far(asked, Weight::of(canary, stable + canary));
    (is_far && walk.end == Ok(End::Parked) && !record.accept_weight).then_some(Nearest {
        asked,
        stable,
        canary,
    })
}

fn is_far(asked: Weight, share: Weight) -> bool {
    share > asked.plus(asked.max(Weight::percent(10)))
}

/// Walks the way in the model, and refuses what is far from what was asked, and what could be left
/// neither driven nor parked.
pub fn planned(
    record: &Record,
    cluster: &Snapshot,
    target: &Target,
    course: &Course,
) -> Result<Walk> {
    let replicas = cluster.replicas();
    let own = record.own_steps(replicas);
    let Goal::Hold { weight } = record.goal else {
        return Err(Error::failed("a canary starts with a weight"));
    };
    possible(record, cluster)?;
    let walk = walk(record.clone(), World::at_rest(replicas, own), None);
    let (stable, canary) = (walk.world.stable.size, walk.world.canary.size);
    let share = Weight::of(canary, stable + canary);
    let parks = walk.end == Ok(End::Parked);
    let far = is_far(weight, share);
    let driven = matches!(course, Course::Driven(_));
    if record.accept_weight || (!far && (parks || driven)) {
        return Ok(walk);
    }
    let replicas = count(replicas, "replica");
    let why = if parks {
        format!("the nearest split is {share}")
    } else {
        format!(
            "with {replicas}, the canary cannot be parked: one canary pod beside them is \
             {share}, and it holds only while it is driven and nobody scales it"
        )
    };
    let error = Error::usage(format!("asked {weight}, and {why}"));
    let steps = format!("… --steps {:.0} --auto promote", f64::from(share));
    let hinted = if parks {
        error.with_hint(format!("take it:  {}", target.words("", "… --yes")))
    } else {
        error.with_hint(format!(
            "drive it to the end:  {}",
            target.words("", &steps)
        ))
    };
    let accept = target.words("", "… --accept-weight");
    Err(hinted.with_hint(format!("accept it:  {accept}")))
}
