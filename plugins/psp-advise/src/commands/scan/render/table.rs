//! Tables.

use groundcrew::output::Table;
use psp_advise::model::advice::Grade;
use psp_advise::model::report::{Namespace, Origin, Owner, Report};
use psp_advise::model::standards::Level;

/// Blockers that a row names before it counts the rest.
const NAMED: usize = 3;

/// One row per namespace; for manifests one per object.
pub(super) fn overview(report: &Report, headers: bool) -> String {
    if report.offline {
        return objects(report, headers);
    }
    let names = [
        "NAMESPACE",
        "ENFORCES",
        "READY FOR",
        "AFTER SAFE FIXES",
        "BLOCKED BY",
    ];
    let mut table = Table::new(headers.then_some(&names));
    for namespace in &report.namespaces {
        table.row([
            namespace.name.clone(),
            enforces(namespace),
            level(namespace.today),
            level(namespace.after_safe_fixes),
            blockers(report, namespace),
        ]);
    }
    if report.namespaces.is_empty() {
        return String::new();
    }
    table.render()
}

pub(super) fn enforces(namespace: &Namespace) -> String {
    if namespace.exempt {
        return "exempt".to_owned();
    }
    let Some(policy) = &namespace.policy else {
        return "?".to_owned();
    };
    let invalid = namespace.invalid_labels.iter().any(|label| {
        label.label.ends_with("/enforce") || label.label.ends_with("/enforce-version")
    });
    match (policy.enforce.level, namespace.origin) {
        _ if invalid => format!("{} (invalid label)", policy.enforce),
        (Level::Privileged, Some(Origin::Default)) => String::new(),
        (Level::Privileged, _) => "privileged".to_owned(),
        _ => policy.enforce.to_string(),
    }
}

pub(super) fn level(level: Option<Level>) -> String {
    level.map_or_else(|| "?".to_owned(), |level| level.to_string())
}

fn blockers(report: &Report, namespace: &Namespace) -> String {
    let all: Vec<String> = report.blockers(namespace).map(blocker).collect();
    let mut text = all[..all.len().min(NAMED)].join(", ");
    if all.len() > NAMED {
        text.push_str(&format!(" and {} more", all.len() - NAMED));
    }
    text
}

/// `daemonset/agent (hostPathVolumes: may change behavior)`; safe fixes need no word.
fn blocker(owner: &Owner) -> String {
    let hard: Vec<&str> = owner
        .reasons
        .iter()
        .filter(|reason| reason.fix > Grade::Safe)
        .map(|reason| reason.check)
        .collect();
    let worst = owner.reasons.iter().map(|reason| reason.fix).max();
    match worst {
        Some(worst) if worst > Grade::Safe => format!(
            "{} ({}: {})",
            owner.object.short(),
            hard.join(", "),
            worst.as_str()
        ),
        _ => owner.object.short(),
    }
}

fn objects(report: &Report, headers: bool) -> String {
    let names = ["PLACE", "OBJECT", "MEETS", "AFTER SAFE FIXES", "BLOCKED BY"];
    let mut table = Table::new(headers.then_some(&names));
    for owner in &report.workloads {
        let reasons: Vec<&str> = owner.reasons.iter().map(|reason| reason.check).collect();
        table.row([
            owner.place.clone().unwrap_or_default(),
            full_name(owner),
            owner.today.to_string(),
            owner.after_safe_fixes.to_string(),
            reasons.join(", "),
        ]);
    }
    if report.workloads.is_empty() {
        return String::new();
    }
    table.render()
}

fn full_name(owner: &Owner) -> String {
    if owner.object.namespace.is_empty() {
        owner.object.short()
    } else {
        format!("{}/{}", owner.object.namespace, owner.object.short())
    }
}

/// One row per field that would have to change.
pub(super) fn fields(report: &Report, headers: bool) -> String {
    let names = [
        "PLACE",
        "NAMESPACE",
        "OBJECT",
        "POLICY",
        "CHECK",
        "FIELD",
        "VALUE",
        "ALLOWED",
        "FIX",
    ];
    let skip = usize::from(!report.offline);
    let mut table = Table::new(headers.then_some(&names[skip..]));
    let mut empty = true;
    for decision in &report.decisions {
        for check in &decision.checks {
            for fault in &check.faults {
                empty = false;
                let place = match (&decision.file, fault.line) {
                    (Some(file), Some(line)) => format!("{file}:{line}"),
                    _ => String::new(),
                };
                let cells = [
                    place,
                    decision.object.namespace.clone(),
                    decision.object.short(),
                    decision.policy().to_string(),
                    check.id.to_owned(),
                    fault.path.clone(),
                    fault.current.clone().unwrap_or_else(|| "unset".to_owned()),
                    fault.allowed.to_owned(),
                    fault.fix.as_str().to_owned(),
                ];
                table.row(&cells[skip..]);
            }
        }
    }
    if empty { String::new() } else { table.render() }
}

/// What does not meet the strictest level, one object per line, as kubectl reads it.
pub(super) fn names(report: &Report) -> String {
    report
        .workloads
        .iter()
        .filter(|owner| owner.today < Level::Restricted)
        .map(|owner| owner.object.full() + "\n")
        .collect()
}
