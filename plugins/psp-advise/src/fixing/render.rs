//! Changes as a diff or as patches.

use std::collections::BTreeSet;

use groundcrew::error::{Error, Result};
use groundcrew::output::yaml;
use groundcrew::ui::Ui;
use psp_advise::advice::Grade;
use psp_advise::fix::FixedObject;
use psp_advise::standards::LevelVersion;
use serde_json::{Value, json};
use similar::TextDiff;

use super::{Changed, Format};

/// Renders what was changed.
///
/// # Errors
///
/// None in practice: everything here has a form in JSON and YAML.
pub(super) fn render(changed: &[Changed], format: Format) -> Result<String> {
    let mut text = String::new();
    if matches!(format, Format::Diff | Format::Inplace) {
        for one in changed.iter().filter(|one| one.before != one.after) {
            let name = one.file.name.trim_start_matches('/');
            let diff = TextDiff::from_lines(&one.before, &one.after);
            let unified = diff
                .unified_diff()
                .context_radius(3)
                .header(&format!("a/{name}"), &format!("b/{name}"))
                .to_string();
            text.push_str(&unified);
        }
        return Ok(text);
    }
    let objects = changed
        .iter()
        .flat_map(|one| &one.objects)
        .filter(|object| !object.ops.is_empty());
    let mut patches = Vec::new();
    for object in objects {
        match format {
            Format::Strategic => {
                text.push_str("---\n");
                text.push_str(&yaml(&object.strategic_patch)?);
            }
            Format::Json6902 => {
                let line = json!({"target": target(object), "patch": object.json_patch});
                text.push_str(&format!("{line}\n"));
            }
            _ => patches.push(json!({
                "target": target(object),
                "patch": serde_json::to_string(&object.json_patch)
                    .map_err(|error| Error::failed("cannot write JSON").with_source(error))?,
            })),
        }
    }
    if format == Format::Kustomize && !patches.is_empty() {
        text = yaml(&json!({"patches": patches}))?;
    }
    Ok(text)
}

fn target(object: &FixedObject) -> Value {
    let object = &object.object;
    let (group, version) = object
        .api_version
        .split_once('/')
        .unwrap_or(("", &object.api_version));
    let mut target = json!({"version": version, "kind": object.kind, "name": object.name});
    if !group.is_empty() {
        target["group"] = json!(group);
    }
    if !object.namespace.is_empty() {
        target["namespace"] = json!(object.namespace);
    }
    target
}

/// Says what was done, what to look at and what stays; returns how many objects do not pass.
pub(super) fn summary(changed: &[Changed], policy: LevelVersion, ui: &Ui) -> usize {
    let files = changed.iter().filter(|one| one.before != one.after).count();
    let objects = || {
        changed
            .iter()
            .flat_map(|one| one.objects.iter().map(move |object| (one, object)))
    };
    let edits: usize = objects().map(|(_, object)| object.ops.len()).sum();
    let failing = objects().filter(|(_, object)| !object.passes).count();
    let total = objects().count();
    let after = match failing {
        0 => format!("all {total} pass {policy} afterwards"),
        _ => format!("{} of {total} pass {policy} afterwards", total - failing),
    };
    ui.status(format_args!("{files} files, {edits} changes; {after}."));
    for (one, object) in objects() {
        let place = format!(
            "{}:{} {}",
            one.file.name,
            object.line,
            object.object.short()
        );
        let looks: BTreeSet<String> = object
            .ops
            .iter()
            .filter(|op| op.grade > Grade::Safe)
            .map(|op| format!("{} {} ({})", op.grade.as_str(), op.path, op.why))
            .collect();
        for look in looks {
            ui.warning(format_args!("{place}: {look}"));
        }
        for left in &object.left {
            let line = left
                .line
                .map_or_else(String::new, |line| format!(" line {line}:"));
            ui.warning(format_args!(
                "{place}:{line} {} stays: {}",
                left.path, left.why
            ));
        }
    }
    failing
}
