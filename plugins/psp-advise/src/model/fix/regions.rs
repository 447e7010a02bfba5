//! The fix of one field as replacements with lines and columns, for tools that show them beside it.

use super::edit::edits;
use super::meant::as_meant;
use super::ops::plan;
use super::text::{TextEdit, apply};
use crate::model::advice::Grade;
use crate::model::decision::{Decision, FieldFault, Prepared, Replacement, Source};
use crate::model::manifest::{Chunk, Node, parse};
use crate::model::standards::Server;
use crate::model::workload::{TemplatePath, Workload, extract};

/// Notes at every fault of a decision what would fix it in its file. A fix that does not leave
/// fewer faults, when the text is read and decided again, is none.
pub fn note_fixes(
    decision: &mut Decision,
    (workload, node): (&Workload, &Node),
    chunk: Chunk<'_>,
    server: Server,
    custom: &[TemplatePath],
) {
    let whole = decision.clone();
    let count = faults(&whole);
    for check in &mut decision.checks {
        let id = check.id;
        for fault in &mut check.faults {
            let alone = only(&whole, id, fault);
            let plan = plan(&alone, node, &workload.path, Grade::Check);
            let Some(edits) = edits(chunk.text, node, &plan.ops).filter(|it| !it.is_empty()) else {
                continue;
            };
            let text = apply(chunk.text, &edits);
            let now = Chunk {
                text: &text,
                ..chunk
            };
            let Ok(document) = parse(now) else { continue };
            let Ok(read) = parse(chunk) else { continue };
            let meant = extract(&read, custom)
                .workloads
                .iter()
                .any(|(other, node)| {
                    other.object == workload.object && as_meant(&read, node, &document, &plan.ops)
                });
            if !meant {
                continue;
            }
            let after = extract(&document, custom);
            let after = after
                .workloads
                .iter()
                .filter(|(other, _)| other.object == workload.object)
                .map(|(other, _)| {
                    let prepared = Prepared::new(other, server, Source::default());
                    faults(&prepared.decide(whole.policy()))
                })
                .min();
            if after.is_some_and(|after| after < count) {
                fault.replacements = edits.iter().map(|edit| region(chunk, edit)).collect();
            }
        }
    }
}

fn faults(decision: &Decision) -> usize {
    decision.checks.iter().map(|check| check.faults.len()).sum()
}

/// Returns the decision as if nothing else were wrong.
fn only(decision: &Decision, check: &str, fault: &FieldFault) -> Decision {
    let mut alone = decision.clone();
    alone.checks.retain(|known| known.id == check);
    for known in &mut alone.checks {
        known.faults.retain(|other| other.path == fault.path);
    }
    alone
}

fn region(chunk: Chunk<'_>, edit: &TextEdit) -> Replacement {
    let place = |offset: usize| {
        let before = chunk.text.get(..offset).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (
            chunk.lines + before.matches('\n').count() + 1,
            line.chars().count() + 1,
        )
    };
    Replacement {
        start: place(edit.bytes.start),
        end: place(edit.bytes.end),
        text: edit.text.clone(),
    }
}
