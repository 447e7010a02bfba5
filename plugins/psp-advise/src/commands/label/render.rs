//! The plan as people and programs read it.

use groundcrew::error::Result;
use groundcrew::flags::{DryRun, Format, OutputArgs};
use groundcrew::output::{Document, Table, json, yaml};
use psp_advise::model::kind::Kind;

use super::decide::{Outcome, Plan, Planned};

/// Renders the plan.
///
/// # Errors
///
/// When a value cannot be written in that format.
pub(super) fn render(plan: &Plan, output: &OutputArgs, applied: bool) -> Result<String> {
    Ok(match output.format {
        Format::Json => json(&Document::new(Kind::PodSecurityLabelPlan, plan))?,
        Format::Yaml => yaml(&Document::new(Kind::PodSecurityLabelPlan, plan))?,
        Format::Name => plan
            .namespaces
            .iter()
            .filter(|namespace| !namespace.labels.is_empty())
            .map(|namespace| format!("namespace/{}\n", namespace.name))
            .collect(),
        Format::Table | Format::Wide => {
            let mut text = table(plan, !output.no_headers);
            if !applied {
                let lines: Vec<String> = plan.namespaces.iter().filter_map(command).collect();
                if !lines.is_empty() {
                    text.push_str(&format!("\n{}\n", lines.join("\n")));
                }
            }
            text
        }
    })
}

/// Says what becomes of a namespace.
pub(super) fn outcome(planned: &Planned, mode: DryRun) -> String {
    let outcome = match planned.outcome {
        Outcome::Labeled => "labeled",
        Outcome::Unchanged => "unchanged",
        Outcome::Left => "left alone",
    };
    format!("{outcome}{}", mode.suffix())
}

/// One row per label that changes, or per namespace that is left alone.
pub(super) fn table(plan: &Plan, headers: bool) -> String {
    let names = ["NAMESPACE", "READY FOR", "LABEL", "FROM", "TO", "NOTE"];
    let mut table = Table::new(headers.then_some(&names));
    for namespace in &plan.namespaces {
        let today = namespace
            .today
            .map_or_else(|| "?".to_owned(), |level| level.to_string());
        let note = namespace.note.clone().unwrap_or_default();
        if namespace.labels.is_empty() {
            let same = String::new();
            table.row([
                namespace.name.clone(),
                today,
                same.clone(),
                same.clone(),
                same,
                note,
            ]);
            continue;
        }
        for (label, change) in &namespace.labels {
            table.row([
                namespace.name.clone(),
                today.clone(),
                label.clone(),
                change.from.clone().unwrap_or_default(),
                change.to.clone(),
                note.clone(),
            ]);
        }
    }
    if plan.namespaces.is_empty() {
        String::new()
    } else {
        table.render()
    }
}

/// Returns the command that sets a namespace's labels.
fn command(namespace: &Planned) -> Option<String> {
    if namespace.labels.is_empty() {
        return None;
    }
    let pairs: Vec<String> = namespace
        .labels
        .iter()
        .map(|(label, change)| format!("{label}={}", change.to))
        .collect();
    let pairs = pairs.join(" ");
    Some(format!(
        "kubectl label namespace {} --overwrite {pairs}",
        namespace.name
    ))
}

/// Returns the commands that restore the old labels.
pub(super) fn rollback(plan: &Plan) -> String {
    let mut text = String::from("#!/bin/sh\n# Restores the pod security labels.\nset -eu\n");
    for namespace in plan
        .namespaces
        .iter()
        .filter(|namespace| !namespace.labels.is_empty())
    {
        let pairs: Vec<String> = namespace
            .labels
            .iter()
            .map(|(label, change)| match &change.from {
                Some(from) => format!("{label}={from}"),
                None => format!("{label}-"),
            })
            .collect();
        let pairs = pairs.join(" ");
        text.push_str(&format!(
            "kubectl label namespace {} --overwrite {pairs}\n",
            namespace.name
        ));
    }
    text
}
