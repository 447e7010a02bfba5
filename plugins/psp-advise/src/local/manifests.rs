//! Manifests instead of a cluster.

use groundcrew::error::Result;
use psp_advise::decision::Source;
use psp_advise::fix::note_fixes;
use psp_advise::manifest::{parse, split};
use psp_advise::workload::extract;

use super::report::{Builder, Live};
use crate::files::{self, FileArgs};
use crate::format::Format;

/// Evaluates everything that `-f` names; what cannot be read is noted, the rest goes on.
///
/// # Errors
///
/// A path that is not there.
pub fn read(args: &FileArgs, builder: &mut Builder<'_>) -> Result<()> {
    files::each(args, |file| {
        match file.text() {
            Ok(text) => documents(&file.name, text, builder),
            Err(message) => builder.missing("", Some(file.name.clone()), message),
        }
        Ok(())
    })
}

fn documents(file: &str, text: &str, builder: &mut Builder<'_>) {
    let options = builder.options();
    let custom = &options.custom;
    for chunk in split(text) {
        let document = match parse(chunk) {
            Ok(document) => document,
            Err(fault) => {
                builder.missing("", Some(format!("{file}:{}", fault.line)), fault.message);
                continue;
            }
        };
        if document.is_null() {
            continue;
        }
        let extracted = extract(&document, custom);
        for fault in extracted.unreadable {
            let place = format!("{file}:{}", fault.line);
            let what = if fault.object.kind.is_empty() {
                String::new()
            } else {
                fault.object.short()
            };
            builder.missing(&what, Some(place), fault.message);
        }
        for (workload, node) in &extracted.workloads {
            let source = Source {
                file: Some(file),
                node: Some(node),
            };
            let before = builder.kept();
            builder.add(workload, &workload.object, Live::default(), source);
            if options.output.format == Format::Sarif {
                builder.amend(before, |decision| {
                    note_fixes(decision, (workload, node), chunk, options.server, custom);
                });
            }
        }
    }
}
