//! Pods and templates of manifests, as PodSecurityPolicy is asked about them.

use groundcrew::error::Result;
use groundcrew::finding::Unseen;
use psp_advise::model::manifest::{Node, documents, told};
use psp_advise::model::subject::Subject;
use psp_advise::model::workload::extract;

use super::files::{self, FileArgs};

/// Reads the pods of `-f`.
///
/// # Errors
///
/// A path that is not there.
pub fn read(args: &FileArgs, namespace: Option<&str>) -> Result<(Vec<Subject>, Vec<Unseen>)> {
    let (mut subjects, mut unseen) = (Vec::new(), Vec::new());
    files::each(args, |file| {
        let text = match file.text() {
            Ok(text) => text,
            Err(message) => {
                unseen.push(Unseen::new(&file.name, message));
                return Ok(());
            }
        };
        for found in documents(&text) {
            if let Some(fault) = found.ignored {
                unseen.push(Unseen::new(
                    format!("{}:{}", file.name, fault.line),
                    fault.message,
                ));
            }
            let document = match found.node {
                Ok(document) => document,
                Err(fault) => {
                    let fault = told(&found.chunk, &fault);
                    unseen.push(Unseen::new(
                        format!("{}:{}", file.name, fault.line),
                        fault.message,
                    ));
                    continue;
                }
            };
            if document.is_null() {
                continue;
            }
            let extracted = extract(&document, &args.pod_template_path);
            for fault in extracted.unreadable {
                unseen.push(Unseen::new(
                    format!("{}:{}", file.name, fault.line),
                    fault.message,
                ));
            }
            for (workload, node) in extracted.workloads {
                let pod = node
                    .at(&workload.path)
                    .map(Node::to_json)
                    .unwrap_or_default();
                let own = workload.object.namespace.clone();
                let namespace = if own.is_empty() {
                    namespace.unwrap_or("default").to_owned()
                } else {
                    own
                };
                subjects.push(Subject {
                    workload,
                    file: Some(file.name.clone()),
                    pod,
                    namespace,
                });
            }
        }
        Ok(())
    })?;
    Ok((subjects, unseen))
}
