//! Changes as a diff or as patches.

use std::collections::BTreeSet;

use clap::ValueEnum;
use groundcrew::error::Result;
use groundcrew::output::yaml;
use groundcrew::ui::Ui;
use psp_advise::model::advice::Grade;
use psp_advise::model::fix::FixedObject;
use psp_advise::model::level::LevelVersion;
use psp_advise::model::text::plural;
use serde_json::{Value, json};
use similar::TextDiff;

use super::observe::Changed;

/// `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A unified diff.
    Diff,
    /// The files themselves are changed.
    Inplace,
    /// Strategic merge patches.
    Strategic,
    /// JSON patches, one line per object.
    Json6902,
    /// A kustomization's list of patches.
    Kustomize,
}

/// Renders what was changed.
///
/// # Errors
///
/// None in practice: everything here has a form in JSON and YAML.
pub(super) fn render(changed: &[Changed], format: Format) -> Result<String> {
    let mut text = String::new();
    if matches!(format, Format::Diff | Format::Inplace) {
        for one in changed.iter().filter(|one| one.before != one.after) {
            let name = one.name.trim_start_matches('/');
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
        .filter_map(|object| Some((object, patch(object, format)?)));
    let mut patches = Vec::new();
    for (object, patch) in objects {
        match format {
            Format::Strategic => {
                text.push_str("---\n");
                text.push_str(&yaml(patch)?);
            }
            Format::Json6902 => {
                let line = json!({"target": target(object), "patch": patch});
                text.push_str(&format!("{line}\n"));
            }
            _ => patches.push(json!({
                "target": target(object),
                "patch": patch.to_string(),
            })),
        }
    }
    if format == Format::Kustomize && !patches.is_empty() {
        text = yaml(&json!({"patches": patches}))?;
    }
    Ok(text)
}

/// Returns the patch of an object that is changed; every one was applied and decided before.
fn patch(object: &FixedObject, format: Format) -> Option<&Value> {
    match format {
        Format::Strategic => object.strategic_patch.as_ref(),
        _ => object.json_patch.as_ref(),
    }
}

/// Returns the objects that are changed and cannot be given in a format, with why.
pub(super) fn unsaid(changed: &[Changed], format: Format) -> Vec<String> {
    if matches!(format, Format::Diff | Format::Inplace) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for one in changed {
        let objects = one.objects.iter();
        for object in objects.filter(|it| !it.ops.is_empty() && patch(it, format).is_none()) {
            let (name, kind) = (&one.name, object.object.short());
            lines.push(format!(
                "{name}:{} {kind}: its change cannot be written as a patch of this format; use --format inplace",
                object.line
            ));
        }
    }
    lines
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
        0 if total == 1 => format!("it passes {policy} afterwards"),
        0 => format!("all {total} pass {policy} afterwards"),
        _ => format!("{} of {total} pass {policy} afterwards", total - failing),
    };
    let counted = |count: usize, one: &'static str, many: &'static str| {
        format!("{count} {}", plural(count, one, many))
    };
    let files = match changed.iter().all(|one| one.file.is_some()) {
        true => counted(files, "file", "files"),
        false => counted(files, "object", "objects"),
    };
    let edits = counted(edits, "change", "changes");
    ui.status(format_args!("{files}, {edits}; {after}."));
    for (one, object) in objects() {
        let place = format!("{}:{} {}", one.name, object.line, object.object.short());
        let looks: BTreeSet<String> = object
            .ops
            .iter()
            .filter(|op| op.grade > Grade::Safe)
            .map(|op| format!("{}: {} ({})", op.grade.as_str(), op.path, op.why))
            .collect();
        for look in looks {
            ui.warning(format_args!("{place}: {look}"));
        }
        for left in &object.left {
            let line = left
                .line
                .map_or_else(String::new, |line| format!(" line {line}:"));
            ui.warning(format_args!(
                "{place}:{line} {} is not changed: {}",
                left.path, left.why
            ));
        }
    }
    failing
}
