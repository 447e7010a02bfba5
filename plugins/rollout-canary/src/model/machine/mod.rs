//! What is to be done next: a pure function of the record and of what is seen.

mod hold;
mod promise;
mod seen;
mod split;
mod way;

#[cfg(test)]
mod tests;

pub use promise::{Broken, Pods, broken};
pub use seen::{Arm, Seen};
pub use split::{Split, choose};

use crate::record::{Form, Goal, Purpose, Record, Shape, Template};

/// What is to be done next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Bring the Deployment into this form.
    Write(Form),
    /// Nothing, until something changes.
    Wait(Waiting),
    /// The goal is reached.
    Done(End),
    /// Somebody else changed what this run stands on: hands off.
    Stop(Conflict),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The controllers have not caught up.
    Controller,
    /// Canary pods are not Ready yet.
    Canary,
    /// Canary pods are Ready and have not been for minReadySeconds.
    Age,
    /// Stable pods are not Ready.
    Stable,
    /// The controller has not sized the sets as wanted yet.
    Sizes,
}

/// How a goal is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The split is reached and parked.
    Parked,
    /// The split is reached and cannot be parked: it holds while it is driven.
    Held,
    /// Everything is the canary, and the Deployment has its own strategy.
    Promoted,
    /// Everything is stable, and the Deployment is what it was.
    Aborted,
}

/// What somebody else did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The Deployment is another one under the same name.
    Recreated,
    /// It is gone or being deleted.
    Deleted,
    /// `spec.template` is neither the stable nor the canary's.
    Template,
    /// Fields that this run set are not what they were: their names.
    Fields(Vec<&'static str>),
    /// `kubectl rollout resume` on a parked canary: the native way back.
    Resumed,
    /// Somebody took the marker away or put another one there.
    Marker,
    /// A third ReplicaSet has pods.
    ThirdSet(String),
    /// The canary's pods are gone although nobody drives that way (scaled to zero and back).
    Vanished,
    /// It was scaled to zero.
    ScaledToZero,
}

/// Decides.
#[must_use]
pub fn next(record: &Record, seen: &Seen) -> Next {
    if seen.uid != record.uid {
        return Next::Stop(Conflict::Recreated);
    }
    let at = match place(record, seen) {
        Ok(at) => at,
        Err(conflict) => return stopped(record, seen, conflict),
    };
    match &record.goal {
        Goal::Hold { percent } => hold::next(record, seen, at, *percent),
        Goal::Promote { .. } => way::promote(record, seen, at),
        Goal::Abort { keep_spec, .. } => way::abort(record, seen, at, *keep_spec),
    }
}

/// Only an abort goes on from where somebody else left the Deployment: from a native way back
/// always, from anything else when it was told to.
fn stopped(record: &Record, seen: &Seen, conflict: Conflict) -> Next {
    let Goal::Abort {
        keep_spec, force, ..
    } = record.goal
    else {
        return Next::Stop(conflict);
    };
    match conflict {
        Conflict::Recreated | Conflict::Deleted => Next::Stop(conflict),
        Conflict::Template if keep_spec => way::leave(record, seen),
        Conflict::Resumed => way::take_back(record, seen),
        // It is on its way out: the same once more would change nothing, again and again.
        Conflict::ThirdSet(_) if force && is_going_back(record, seen) => Next::Wait(Waiting::Sizes),
        _ if force => way::take_back(record, seen),
        _ => Next::Stop(conflict),
    }
}

fn is_going_back(record: &Record, seen: &Seen) -> bool {
    let id = seen
        .marker
        .as_deref()
        .and_then(|marker| record.marked(marker));
    let mut forms = record.forms.iter();
    forms.any(|form| {
        Some(form.id) == id && form.purpose == Purpose::Revert && form.shape(record) == seen.shape
    })
}

/// Where on its way a Deployment is; `None` before the first write.
pub type Place = Option<Form>;

/// Finds the announced form that the Deployment is in.
///
/// # Errors
///
/// What somebody else changed.
pub fn place(record: &Record, seen: &Seen) -> Result<Place, Conflict> {
    if seen.deleting {
        return Err(Conflict::Deleted);
    }
    let Some(marker) = seen.marker.as_deref() else {
        return unmarked(record, seen);
    };
    let id = record.marked(marker).ok_or(Conflict::Marker)?;
    let form = record.forms.iter().find(|form| form.id == id);
    match form.filter(|form| form.shape(record) == seen.shape) {
        Some(form) => third_set(seen).map_or(Ok(Some(*form)), Err),
        None => Err(named(record, seen)),
    }
}

/// Without the marker it is over, or it has not begun, or somebody took the marker away.
fn unmarked(record: &Record, seen: &Seen) -> Result<Place, Conflict> {
    let is = |form: &&Form| form.shape(record) == seen.shape;
    let last = record.forms.iter().rev().find(is);
    // A form that takes the marker away is reached only from one that had it.
    let over = last.filter(|form| form.purpose == Purpose::Final);
    let untouched = seen.shape == record.untouched();
    match (over, untouched, last) {
        // What somebody else's template rolls out is theirs.
        (Some(form), _, _) if form.template == Template::Foreign => Ok(Some(*form)),
        (Some(form), _, _) => third_set(seen).map_or(Ok(Some(*form)), Err),
        (None, true, _) => third_set(seen).map_or(Ok(None), Err),
        (None, false, Some(_)) => Err(Conflict::Marker),
        (None, false, None) => Err(named(record, seen)),
    }
}

fn third_set(seen: &Seen) -> Option<Conflict> {
    seen.third.clone().map(Conflict::ThirdSet)
}

/// Names what differs from the form that is nearest to what is seen.
fn named(record: &Record, seen: &Seen) -> Conflict {
    if seen.shape.template.is_none() {
        return Conflict::Template;
    }
    let resumed = |form: &&Form| {
        let shape = Shape {
            paused: false,
            ..form.shape(record)
        };
        form.purpose == Purpose::Park && shape == seen.shape
    };
    if record.forms.iter().any(|form| resumed(&form)) {
        return Conflict::Resumed;
    }
    let nearest = record
        .forms
        .iter()
        .map(|form| differing(&form.shape(record), &seen.shape))
        .min_by_key(Vec::len)
        .unwrap_or_else(|| differing(&record.untouched(), &seen.shape));
    if nearest.is_empty() {
        // The fields are the original ones although the run is under way.
        return Conflict::Marker;
    }
    Conflict::Fields(nearest)
}

fn differing(expected: &Shape, found: &Shape) -> Vec<&'static str> {
    [
        ("spec.template", expected.template != found.template),
        (
            "spec.minReadySeconds",
            expected.min_ready != found.min_ready,
        ),
        (
            "spec.progressDeadlineSeconds",
            expected.deadline != found.deadline,
        ),
        ("spec.paused", expected.paused != found.paused),
        ("spec.strategy", expected.strategy != found.strategy),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(name, _)| name)
    .collect()
}

/// Returns the gate: whether a set that was shrunk may grow again.
///
/// The controller reads `status.availableReplicas` also while `status.observedGeneration` is
/// behind; growing then costs Ready pods.
///
/// # Errors
///
/// What is to be waited for.
pub fn gate(seen: &Seen) -> Result<(), Waiting> {
    if !seen.current || !seen.stable.observed || !seen.canary.observed {
        return Err(Waiting::Controller);
    }
    if !seen.stable.is_ready() {
        return Err(Waiting::Stable);
    }
    if !seen.canary.is_ready() {
        return Err(Waiting::Canary);
    }
    Ok(())
}

/// The gate before a way back: a dead canary must not keep it from being taken.
fn gate_back(seen: &Seen) -> Result<(), Waiting> {
    let caught_up = |arm: &Arm| arm.observed && arm.pods <= arm.size && arm.available <= arm.size;
    if seen.current && caught_up(&seen.stable) && seen.canary.observed {
        Ok(())
    } else {
        Err(Waiting::Controller)
    }
}

/// Says whether a canary holds only while it is driven: there are too few replicas to park it, and
/// nobody accepted that it stays held without a driver.
#[must_use]
pub fn is_driven(record: &Record, seen: &Seen) -> bool {
    let Goal::Hold { percent } = record.goal else {
        return false;
    };
    let own = record.own_steps(seen.replicas);
    let split = choose(seen.replicas, own, record.budget, record.layout, percent);
    let is_parked = matches!(place(record, seen), Ok(Some(form)) if form.purpose == Purpose::Park);
    !record.accept_weight && !is_parked && split.is_some_and(|split| !split.parks)
}

/// Which template a goal ends with.
fn wanted_template(record: &Record, keep_spec: bool) -> Template {
    if keep_spec && record.original.pending {
        Template::Canary
    } else {
        Template::Stable
    }
}

/// Names the fields in which a Deployment differs from what it was before the canary.
#[must_use]
pub fn differences(record: &Record, seen: &Seen) -> Vec<&'static str> {
    let mut fields = differing(&record.untouched(), &seen.shape);
    if seen.marker.is_some() {
        fields.push("metadata.labels");
    }
    fields
}
