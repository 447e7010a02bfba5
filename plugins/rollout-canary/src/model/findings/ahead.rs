//! What is found before a canary that is there is promoted or rolled back.

use groundcrew::finding::{Finding, Severity};

use crate::model::change;
use crate::model::findings::owners::{git_keeper, git_owner};
use crate::model::findings::question::{Around, Question, add};
use crate::model::findings::{quotas, services};
use crate::model::names::FIELD_MANAGER;
use crate::model::record::{Goal, Record};
use crate::model::snapshot::Snapshot;
use crate::model::status::Judged;

/// Returns what is worth knowing before the record's goal is driven to, what matters most first.
#[must_use]
pub fn ahead(
    record: &Record,
    cluster: &Snapshot,
    (around, more): (&Around, i32),
    known: &Judged,
) -> Vec<Finding> {
    let mut found = Vec::new();
    match &record.goal {
        Goal::Promote { .. } => promotion(record, cluster, (around, more), known, &mut found),
        Goal::Abort { keep_spec, .. } => rollback(*keep_spec, record, cluster, &mut found),
        Goal::Hold { .. } => {}
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn promotion(
    record: &Record,
    cluster: &Snapshot,
    (around, more): (&Around, i32),
    known: &Judged,
    found: &mut Vec<Finding>,
) {
    let (stable, canary) = record.templates();
    let question = Question {
        deployment: &cluster.deployment,
        manager: FIELD_MANAGER,
        stable,
        canary: Some(canary),
        split: None,
        more,
        ending: 0,
        known: true,
        recorded: true,
        since: None,
        surges: false,
    };
    services(&question, around, found);
    // What was said at the start is not said again.
    found.retain(|one| one.severity == Severity::Error);
    let before = found.len();
    quotas::quotas(&question, around, found);
    for quota in &mut found[before..] {
        // A promotion waits for room, and pods that go give theirs back.
        quota.severity = quota.severity.min(Severity::Warning);
        quota.fix = String::new();
    }
    found.retain(|one| one.severity >= Severity::Warning);
    if let Some(dead) = &known.dead {
        add(
            found,
            Severity::Warning,
            "canary",
            format!("is dead: {dead}"),
        );
    } else if known.is_bad() {
        let why = known.why.as_deref().unwrap_or_default();
        let text = format!("is judged bad so far: {why}");
        add(found, Severity::Warning, "canary", text);
    }
    if let Some(owner) = git_owner(&cluster.deployment) {
        let images = change::new_images(&record.original.template, &record.canary);
        let what = if images.is_empty() {
            "the new pod template".to_owned()
        } else {
            images.join(", ")
        };
        let text = format!(
            "manages this Deployment: commit {what} after the promotion, or its next sync rolls the \
             promotion back"
        );
        add(found, Severity::Warning, owner, text);
    }
}

fn rollback(keep_spec: bool, record: &Record, cluster: &Snapshot, found: &mut Vec<Finding>) {
    let current = crate::model::object::without_hash(&cluster.deployment["spec"]["template"]);
    let is_known = current == record.original.template || current == record.canary;
    if !keep_spec || is_known {
        return;
    }
    let images = change::new_images(&record.original.template, &current);
    let what = if images.is_empty() {
        "the pod template that came meanwhile".to_owned()
    } else {
        format!("the template that came meanwhile ({})", images.join(", "))
    };
    let why = match git_keeper(&cluster.deployment) {
        Some(keeper) => format!(", because {keeper} manages this Deployment"),
        None => String::new(),
    };
    let text = format!("{what} is kept{why}, and rolls out once the canary is gone");
    add(found, Severity::Warning, "deployment", text);
}
