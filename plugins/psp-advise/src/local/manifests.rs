//! Manifests instead of a cluster.

use std::collections::BTreeMap;
use std::path::Path;

use groundcrew::error::Result;
use psp_advise::model::decision::Source;
use psp_advise::model::fix::note_fixes;
use psp_advise::model::manifest::{Node, each as documents, told, unknown_fields};
use psp_advise::model::report::{Builder, Criteria, Live, Report};
use psp_advise::model::workload::{ObjectRef, extract};

use super::files::{self, FileArgs};

/// Evaluates everything that `-f` names; what cannot be read is noted, and the rest is still evaluated.
///
/// # Errors
///
/// A path that is not there.
pub fn evaluate(args: &FileArgs, criteria: &Criteria) -> Result<Report> {
    let mut builder = Builder::new(criteria, true);
    let mut seen = Seen::default();
    files::each(args, |file| {
        match file.text() {
            Ok(text) => each(&file.name, &text, &mut builder, &mut seen),
            Err(message) => builder.unseen(&file.name, message),
        }
        Ok(())
    })?;
    Ok(builder.finish())
}

fn each(file: &str, text: &str, builder: &mut Builder<'_>, seen: &mut Seen) {
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
            // `kubectl apply -f` refuses the file and applies the others, and `apply -k` renders
            // it: it is no object of the cluster either way.
            if fault.object.kind.is_empty() && is_kustomization(file) {
                builder.note(format!(
                    "{file} is for kustomize and not a manifest; skipped"
                ));
                continue;
            }
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
            if let Some(first) = seen.before(&workload.object, node, file) {
                builder.unseen(
                    format!("{file}:{}: {}", node.place.line, workload.object.short()),
                    format!("it is defined twice, first at {first}: the later one stays"),
                );
            }
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

/// Kustomize fills in the kind, so most of its files have none.
fn is_kustomization(file: &str) -> bool {
    Path::new(file).file_stem().and_then(|stem| stem.to_str()) == Some("kustomization")
}

/// The objects so far, and where each stands.
#[derive(Default)]
struct Seen(BTreeMap<(String, String, String, String), String>);

impl Seen {
    /// Returns where an object stands that has been there before. Generated names differ.
    fn before(&mut self, object: &ObjectRef, node: &Node, file: &str) -> Option<String> {
        node.at("metadata.name")?.as_str()?;
        let here = format!("{file}:{}", node.place.line);
        let key = (
            object.group().to_owned(),
            object.kind.clone(),
            object.namespace.clone(),
            object.name.clone(),
        );
        let first = self.0.entry(key).or_insert_with(|| here.clone());
        // One object may hold several pods.
        (*first != here).then(|| first.clone())
    }
}
