//! Where on its way a Deployment is, or what somebody else changed.

use crate::model::conflict::Conflict;
use crate::model::machine::seen::Seen;
use crate::model::record::Record;
use crate::model::record::form::{Form, Purpose, Shape, Template};

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
    match form.filter(|form| form.shape(&record.original) == seen.shape) {
        Some(form) => third_set(seen).map_or(Ok(Some(*form)), Err),
        None => Err(named(record, seen)),
    }
}

/// Without the marker it is over, or it has not begun, or somebody took the marker away.
fn unmarked(record: &Record, seen: &Seen) -> Result<Place, Conflict> {
    let is = |form: &&Form| form.shape(&record.original) == seen.shape;
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
            ..form.shape(&record.original)
        };
        form.purpose == Purpose::Park && shape == seen.shape
    };
    if record.forms.iter().any(|form| resumed(&form)) {
        return Conflict::Resumed;
    }
    let nearest = record
        .forms
        .iter()
        .map(|form| differing(&form.shape(&record.original), &seen.shape))
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

/// Names the fields in which a Deployment differs from what it was before the canary.
#[must_use]
pub fn differences(record: &Record, seen: &Seen) -> Vec<&'static str> {
    let mut fields = differing(&record.untouched(), &seen.shape);
    if seen.marker.is_some() {
        fields.push("metadata.labels");
    }
    fields
}
