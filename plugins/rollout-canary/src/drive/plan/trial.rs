//! Every patch of a canary, tried in a dry run of the server before the first one is written:
//! policies, webhooks and limits refuse or change it before anything is half done.

use futures::future::join_all;
use groundcrew::error::Result;
use groundcrew::finding::{Finding, Severity, reason};

use crate::cluster::deployment;
use crate::cluster::write::{self, Written};
use crate::drive::session::Open;
use crate::model::effect;
use crate::model::patch;
use crate::model::record::form::{Form, Purpose};
use crate::model::record::{Goal, Record};
use crate::model::snapshot::Snapshot;
use crate::model::steps::Step;
use crate::model::walk::{Walk, walk};

/// Returns the forms of these ways and of both ways out of them that differ in what a policy can
/// see: one of each purpose.
pub fn distinct<'a>(walks: impl Iterator<Item = &'a Walk>, record: &Record) -> Vec<Form> {
    let mut found: Vec<Form> = Vec::new();
    let mut add = |way: &Walk| found.extend(way.stages.iter().map(|stage| stage.form));
    for way in walks {
        add(way);
        for goal in [Goal::Promote { by: String::new() }, Goal::back()] {
            let mut ahead = way.record.clone();
            ahead.aim(goal);
            add(&walk(ahead, way.world, way.form));
        }
    }
    worth(found, record)
}

/// Returns the forms that differ in what a policy can see, without the last: it gives back what the
/// first took, and is what was there before.
pub fn worth(forms: Vec<Form>, record: &Record) -> Vec<Form> {
    let mut found: Vec<Form> = Vec::new();
    for form in forms {
        let is_known = found
            .iter()
            .any(|known| (known.purpose, known.template) == (form.purpose, form.template));
        let is_last = form.purpose == Purpose::Final && !record.original.pending;
        if !is_known && !is_last {
            found.push(form);
        }
    }
    found
}

/// Tries the forms, and returns those that the server would refuse or change.
///
/// # Errors
///
/// That the server cannot be reached.
pub async fn refused(
    open: &Open,
    record: &Record,
    forms: Vec<Form>,
    cluster: &Snapshot,
) -> Result<Vec<Finding>> {
    if record.canary.is_null() {
        return Ok(Vec::new());
    }
    let tried = forms.iter().map(|form| one(open, record, form, cluster));
    let tried: Result<Vec<_>> = join_all(tried).await.into_iter().collect();
    let mut found: Vec<Finding> = Vec::new();
    for why in tried?.into_iter().flatten() {
        // One policy refuses several steps for the same reason.
        if !found.iter().any(|known| known.why == why.why) {
            found.push(why);
        }
    }
    Ok(found)
}

async fn one(
    open: &Open,
    record: &Record,
    form: &Form,
    cluster: &Snapshot,
) -> Result<Option<Finding>> {
    let operations = patch::unbound(record, form, &cluster.deployment);
    let sent = write::send(&open.session, &open.target, &operations, true).await;
    let step = Step::Form(*form);
    let place = format!("deployment/{}", open.target.name);
    let finding = |what: String, why: String| {
        Some(Finding::new(Severity::Error, format!("{what}: {why}"), why).at(&place))
    };
    Ok(match sent {
        Ok(Written::Done(object)) => {
            let changed = effect::changed(record, form, &deployment::json(&object)?);
            let what = format!("the step \"{}\" would be changed by admission", step.what());
            let why = changed.join(", ");
            (!changed.is_empty()).then(|| finding(what, why)).flatten()
        }
        Ok(Written::LookAgain | Written::Blind(_)) => None,
        Err(error) if error.is_not_found() => return Err(error),
        Err(error) => {
            let what = format!("the step \"{}\" would be refused", step.what());
            finding(what, reason(&error))
        }
    })
}
