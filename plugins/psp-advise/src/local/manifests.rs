//! Manifests instead of a cluster.

use groundcrew::error::Result;
use psp_advise::model::decision::Source;
use psp_advise::model::fix::note_fixes;
use psp_advise::model::manifest::{each as documents, told, unknown_fields};
use psp_advise::model::report::{Builder, Criteria, Live, Report};
use psp_advise::model::workload::extract;

use super::files::{self, FileArgs};

/// Evaluates everything that `-f` names; what cannot be read is noted, and the rest is still evaluated.
///
/// # Errors
///
/// A path that is not there.
pub fn evaluate(args: &FileArgs, criteria: &Criteria) -> Result<Report> {
    let mut builder = Builder::new(criteria, true);
    files::each(args, |file| {
        match file.text() {
            Ok(text) => each(&file.name, &text, &mut builder),
            Err(message) => builder.unseen(&file.name, message),
        }
        Ok(())
    })?;
    Ok(builder.finish())
}

fn each(file: &str, text: &str, builder: &mut Builder<'_>) {
    let criteria = builder.criteria();
    let custom = &criteria.custom;
    documents(text, |found| {
        let chunk = found.chunk;
        for note in &found.notes {
            builder.note(format!("{file}:{}: {}", note.line, note.message));
        }
        if let Some(fault) = found.ignored {
            builder.unseen(format!("{file}:{}", fault.line), fault.message);
        }
        let document = match found.node {
            Ok(document) => document,
            Err(fault) => {
                let fault = told(&chunk, &fault);
                builder.unseen(format!("{file}:{}", fault.line), fault.message);
                return;
            }
        };
        if document.is_null() {
            return;
        }
        let extracted = extract(&document, custom);
        for fault in extracted.unreadable {
            let place = format!("{file}:{}", fault.line);
            let what = if fault.object.kind.is_empty() {
                place
            } else {
                format!("{place}: {}", fault.object.short())
            };
            builder.unseen(what, fault.message);
        }
        for (_, node) in &extracted.workloads {
            for note in unknown_fields(node) {
                builder.note(format!("{file}:{}: {}", note.line, note.message));
            }
        }
        for (workload, node) in &extracted.workloads {
            let source = Source {
                file: Some(file),
                node: Some(node),
            };
            let before = builder.kept();
            builder.add(workload, &workload.object, Live::default(), source);
            if criteria.fixes {
                builder.amend(before, |decision| {
                    note_fixes(decision, (workload, node), chunk, criteria.server, custom);
                });
            }
        }
    });
}
