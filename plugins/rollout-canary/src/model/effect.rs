//! What became of a write: the server's answer compared with what was sent, so that the cluster's own
//! admission is not taken for a stranger, and nothing is written again and again without effect.

use serde_json::Value;

use crate::model::conflict::Conflict;
use crate::model::names::MARKER;
use crate::model::object::without_hash;
use crate::model::record::form::{Form, Purpose};
use crate::model::record::{Goal, Record};

/// How often a form of the way back is written although admission changes it: once more, since a
/// webhook may have been away for a moment.
const FRUITLESS: u32 = 2;

/// How often one form is written on the way to a goal, with effect, while others undo it.
const SAME: u32 = 20;

/// Differences that are named; one policy rarely makes more.
const NAMED: usize = 4;

/// What follows a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// It is as it was sent: the next look decides.
    GoOn,
    /// The same is sent once more.
    Again,
    /// The canary cannot be made as planned: back, for this reason.
    TurnBack(String),
    /// Nothing more is written.
    Stop(Conflict),
}

/// Counts what was written on the way to a goal.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    sent: Vec<(Form, u32, u32)>,
}

impl Writes {
    /// Decides what follows a write that the server took; `changed` are the fields that are not as
    /// they were sent.
    pub fn after(&mut self, record: &Record, form: &Form, changed: Vec<String>) -> After {
        let place = self.sent.iter().position(|(known, ..)| known.is(form));
        let place = place.unwrap_or_else(|| {
            self.sent.push((*form, 0, 0));
            self.sent.len() - 1
        });
        let (_, all, fruitless) = &mut self.sent[place];
        *all += 1;
        if changed.is_empty() {
            return if *all >= SAME {
                After::Stop(Conflict::Undone)
            } else {
                After::GoOn
            };
        }
        *fruitless += 1;
        match record.goal {
            Goal::Abort { .. } if *fruitless < FRUITLESS => After::Again,
            Goal::Abort { .. } => After::Stop(Conflict::Admission(changed)),
            Goal::Hold { .. } | Goal::Promote { .. } => After::TurnBack(format!(
                "admission in this cluster changes what is written: {}",
                changed.join(", ")
            )),
        }
    }

    /// Forgets everything: a goal was reached.
    pub fn reached(&mut self) {
        self.sent.clear();
    }
}

/// Names the fields of a Deployment that are not as a form sent them.
#[must_use]
pub fn changed(record: &Record, form: &Form, answered: &Value) -> Vec<String> {
    let shape = form.shape(&record.original);
    let spec = &answered["spec"];
    let mut found = Vec::new();
    let mut differ = |path: &str, sent: &Value, got: &Value| {
        differences(path, sent, got, &mut found);
    };
    let number = |value: &Value| Value::from(value.as_i64().unwrap_or_default());
    differ(
        "spec.minReadySeconds",
        &shape.min_ready.into(),
        &number(&spec["minReadySeconds"]),
    );
    // Without one the server fills in its default; then any is as it was sent.
    if let Some(deadline) = shape.deadline {
        let path = "spec.progressDeadlineSeconds";
        differ(path, &deadline.into(), &spec["progressDeadlineSeconds"]);
    }
    let paused = Value::from(spec["paused"] == true);
    differ("spec.paused", &shape.paused.into(), &paused);
    differ("spec.strategy", &shape.strategy, &spec["strategy"]);
    if let Some(template) = record.template(form.template) {
        let got = without_hash(&spec["template"]);
        differ("spec.template", template, &got);
    }
    let marker = match form.purpose {
        Purpose::Final => Value::Null,
        _ => record.marker(form.id).into(),
    };
    differ(
        "metadata.labels",
        &marker,
        &answered["metadata"]["labels"][MARKER],
    );
    found.truncate(NAMED);
    found
}

/// Notes the paths at which two values differ.
fn differences(path: &str, sent: &Value, got: &Value, found: &mut Vec<String>) {
    match (sent, got) {
        _ if sent == got => {}
        (Value::Object(one), Value::Object(other)) => {
            let keys = one
                .keys()
                .chain(other.keys().filter(|key| !one.contains_key(*key)));
            for key in keys {
                let path = format!("{path}.{key}");
                differences(&path, &sent[key.as_str()], &got[key.as_str()], found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differences(&format!("{path}[{index}]"), one, other, found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests;
