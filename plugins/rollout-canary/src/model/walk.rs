//! The machine, driven over the model instead of a cluster.

use crate::model::conflict::Conflict;
use crate::model::controller::rounding::Steps;
use crate::model::controller::world::{Extremes, Set, Which, World};
use crate::model::machine;
use crate::model::machine::next::{End, Next};
use crate::model::machine::place::place;
use crate::model::machine::seen::{Arm, Seen};
use crate::model::record::Record;
use crate::model::record::form::{Form, Purpose, Strategy, Template};

/// One patch, and what the controllers make of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The form that the patch brings the Deployment into.
    pub form: Form,
    /// Stable pods afterwards.
    pub stable: i32,
    /// Canary pods afterwards.
    pub canary: i32,
    /// The extremes on the way there.
    pub extremes: Extremes,
}

/// The whole way to a goal.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// Patch by patch.
    pub stages: Vec<Stage>,
    /// How it ends.
    pub end: Result<End, Conflict>,
    /// The extremes of all of it.
    pub extremes: Extremes,
    /// Where it ends.
    pub world: World,
    /// The record with every form that was announced.
    pub record: Record,
    /// The form at the end.
    pub form: Option<Form>,
}

/// More patches than any way has.
const LONGEST: usize = 1000;

/// Walks to the record's goal from a world in which everything is Ready.
#[must_use]
pub fn walk(mut record: Record, mut world: World, mut form: Option<Form>) -> Walk {
    let mut stages = Vec::new();
    let mut extremes = world.extremes();
    let mut end = Err(Conflict::Vanished);
    for _ in 0..LONGEST {
        match machine::next(&record, &sight(&record, &world, form)) {
            Next::Write(next) => {
                let next = record.announce(&next);
                form = Some(next);
                put(&mut world, &record, &next);
                let happened = world.run();
                extremes = extremes.and(happened);
                stages.push(Stage {
                    form: next,
                    stable: world.stable.size,
                    canary: world.canary.size,
                    extremes: happened,
                });
            }
            Next::Done(done) => {
                end = Ok(done);
                break;
            }
            Next::Stop(conflict) => {
                end = Err(conflict);
                break;
            }
            // In the model everything has happened already: what waits now waits for ever.
            Next::Wait(_) => break,
        }
    }
    Walk {
        stages,
        end,
        extremes,
        world,
        record,
        form,
    }
}

/// Forms that are remembered of former goals.
const KEPT: usize = 32;

/// Notes a form and what will follow it in the record, as far as it can be foreseen: one note for
/// the whole way.
pub fn announce(record: &mut Record, seen: &Seen, form: &Form) {
    let surplus = record.forms.len().saturating_sub(KEPT);
    record.forms.drain(..surplus);
    let ahead = ahead(record, seen, form);
    record.forms.extend(ahead);
}

/// Returns the forms that follow one, if everything goes as in the model, beginning with it.
fn ahead(record: &Record, seen: &Seen, form: &Form) -> Vec<Form> {
    let known = record.forms.len();
    let walked = onward(record, seen, form);
    walked.record.forms[known..].to_vec()
}

/// Walks to the record's goal from what is seen: as if what is under way ended well, and nobody else
/// changed anything.
#[must_use]
pub fn from_here(record: &Record, seen: &Seen) -> Walk {
    let at = place(record, seen).ok().flatten();
    match machine::next(record, seen) {
        Next::Write(form) => onward(record, seen, &form),
        Next::Done(end) => arrived(record, seen, at, Ok(end)),
        Next::Stop(conflict) => arrived(record, seen, at, Err(conflict)),
        Next::Wait(_) => {
            let mut world = match at {
                Some(_) => world(seen),
                None => World::at_rest(seen.replicas, record.own_steps(seen.replicas)),
            };
            if let Some(form) = at {
                put(&mut world, record, &form);
            }
            world.run();
            walk(record.clone(), world, at)
        }
    }
}

/// Walks on from what is seen with a form that is about to be written.
fn onward(record: &Record, seen: &Seen, form: &Form) -> Walk {
    let mut world = world(seen);
    let mut ahead = record.clone();
    let form = ahead.announce(form);
    put(&mut world, &ahead, &form);
    let happened = world.run();
    let first = Stage {
        form,
        stable: world.stable.size,
        canary: world.canary.size,
        extremes: happened,
    };
    let mut walked = walk(ahead, world, Some(form));
    walked.stages.insert(0, first);
    walked.extremes = walked.extremes.and(happened);
    walked
}

fn arrived(record: &Record, seen: &Seen, form: Option<Form>, end: Result<End, Conflict>) -> Walk {
    let world = world(seen);
    Walk {
        stages: Vec::new(),
        end,
        extremes: world.extremes(),
        world,
        record: record.clone(),
        form,
    }
}

fn world(seen: &Seen) -> World {
    World {
        replicas: seen.replicas,
        steps: Steps::default(),
        paused: seen.shape.paused,
        held: false,
        newest: Which::Stable,
        stable: seen.stable.set(),
        canary: seen.canary.set(),
        going: 0,
    }
}

/// Brings the model into a form.
pub fn put(world: &mut World, record: &Record, form: &Form) {
    world.held = form.held;
    world.paused = form.paused;
    world.newest = match form.template {
        Template::Canary => Which::Canary,
        Template::Stable | Template::Foreign => Which::Stable,
    };
    world.steps = match form.strategy {
        Strategy::Own => record.own_steps(world.replicas),
        Strategy::Steps(Steps {
            surge: 0,
            unavailable: 0,
        }) => Steps {
            surge: 0,
            unavailable: 1,
        },
        Strategy::Steps(steps) => steps,
    };
}

/// Returns what would be seen of the model.
pub fn sight(record: &Record, world: &World, form: Option<Form>) -> Seen {
    let marker = form
        .filter(|form| form.purpose != Purpose::Final)
        .map(|form| record.marker(form.id));
    Seen {
        uid: record.uid.clone(),
        replicas: world.replicas,
        current: true,
        deleting: false,
        marker,
        shape: form.map_or_else(|| record.untouched(), |form| form.shape(&record.original)),
        stable: arm(&world.stable),
        canary: arm(&world.canary),
        third: None,
    }
}

fn arm(set: &Set) -> Arm {
    Arm {
        exists: set.desired.is_some(),
        size: set.size,
        pods: set.size,
        ready: set.ready,
        available: if set.held { 0 } else { set.ready },
        observed: true,
        aged: true,
        desired: set.desired,
        max: set.max,
        held: set.held,
    }
}
