//! The trace as people and programs read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use groundcrew::error::{Error, Result};
use groundcrew::flags::Format as Suite;
use groundcrew::output::{Document, json, yaml};
use groundcrew::ui::visible;
use psp_advise::model::decision::Decision;
use psp_advise::model::kind::Kind;
use psp_advise::model::psp::{Grant, Outcome, complete};
use psp_advise::model::workload::ObjectRef;
use serde::Serialize;
use serde_json::{Value, json};

use super::decide::Explained;
use crate::commands::flags::{Format, OutputArgs};

/// What PodSecurityPolicy decides about one pod, as a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PolicyDecision<'a> {
    object: &'a ObjectRef,
    namespace: &'a str,
    allowed: bool,
    policy: Option<&'a str>,
    mutated: bool,
    pod: Value,
    reasons: &'a BTreeMap<String, Vec<String>>,
    not_usable: &'a BTreeMap<String, Vec<String>>,
    passed_over: &'a [String],
    dead: &'a BTreeMap<String, String>,
    grants: &'a BTreeMap<String, Grant>,
    refusal: Option<&'a str>,
}

/// Renders what was found out.
///
/// # Errors
///
/// A format that explain does not support.
pub(super) fn render(explained: &[Explained], output: &OutputArgs) -> Result<String> {
    let mut text = String::new();
    for one in explained {
        if let Some(decision) = &one.standards {
            let part = match output.format {
                Format::Suite(Suite::Table | Suite::Wide) => standards(decision),
                _ => machine(Kind::PodSecurityDecision, decision, output)?,
            };
            text.push_str(&part);
        }
        if let Some(outcome) = &one.policies {
            let part = match output.format {
                Format::Suite(Suite::Table | Suite::Wide) => policies(one, outcome),
                _ => machine(Kind::PolicyDecision, &document(one, outcome), output)?,
            };
            text.push_str(&part);
        }
    }
    Ok(text)
}

fn machine(kind: Kind, body: &impl Serialize, output: &OutputArgs) -> Result<String> {
    let document = Document::new(kind, body);
    match output.format {
        Format::Suite(Suite::Json) => json(&document),
        Format::Suite(Suite::Yaml) => yaml(&document).map(|text| format!("---\n{text}")),
        Format::Jsonl => serde_json::to_string(&document)
            .map(|line| line + "\n")
            .map_err(|error| Error::failed("cannot write JSON").with_source(error)),
        other => Err(Error::usage(format!("explain does not support -o {other}"))
            .with_hint("-o table, json, jsonl or yaml")),
    }
}

fn document<'a>(one: &'a Explained, outcome: &'a Outcome) -> PolicyDecision<'a> {
    let mut spec = outcome.pod["spec"].clone();
    complete(&mut spec);
    PolicyDecision {
        object: &one.subject.workload.object,
        namespace: &one.subject.namespace,
        allowed: outcome.allowed(),
        policy: outcome.policy.as_deref(),
        mutated: outcome.mutated,
        pod: json!({
            "metadata": {"annotations": outcome.pod["metadata"]["annotations"]},
            "spec": spec,
        }),
        reasons: &outcome.reasons,
        not_usable: &outcome.not_usable,
        passed_over: &outcome.passed_over,
        dead: &outcome.dead,
        grants: &outcome.grants,
        refusal: outcome.refusal.as_deref(),
    }
}

fn standards(decision: &Decision) -> String {
    let name = decision.object.short();
    let policy = decision.policy();
    if decision.allowed {
        return format!("{name} passes {policy} on {}\n", decision.server_version);
    }
    let mut text = format!("{name} {}\n", visible(&decision.message));
    for check in &decision.checks {
        let _ = writeln!(text, "  {}", check.id);
        for fault in &check.faults {
            let is = visible(fault.current.as_deref().unwrap_or("unset"));
            let _ = writeln!(
                text,
                "    {} is {is}, allowed: {} ({}: {})",
                visible(&fault.path),
                visible(fault.allowed),
                fault.fix.as_str(),
                fault.why
            );
        }
    }
    text
}

fn policies(one: &Explained, outcome: &Outcome) -> String {
    let name = one.subject.workload.object.short();
    let mut text = match (&outcome.policy, outcome.mutated) {
        (Some(policy), false) => format!("{name} is admitted by {policy}, which changes nothing\n"),
        (Some(policy), true) => format!("{name} is admitted by {policy}, which changes it:\n"),
        (None, _) => format!(
            "{name} is refused: {}\n",
            visible(outcome.refusal.as_deref().unwrap_or_default())
        ),
    };
    if outcome.mutated {
        let mut lines = Vec::new();
        changes(
            "spec",
            &one.subject.pod["spec"],
            &outcome.pod["spec"],
            &mut lines,
        );
        let annotations = |pod: &Value| pod["metadata"]["annotations"].clone();
        let (before, after) = (annotations(&one.subject.pod), annotations(&outcome.pod));
        changes("metadata.annotations", &before, &after, &mut lines);
        for line in lines {
            let _ = writeln!(text, "  {}", visible(&line));
        }
    }
    if let Some(grant) = outcome
        .policy
        .as_ref()
        .and_then(|policy| outcome.grants.get(policy))
    {
        let _ = writeln!(
            text,
            "  {} may use it by {}, {}, rule {}",
            grant.user, grant.binding, grant.role, grant.rule
        );
    }
    for policy in &outcome.passed_over {
        let _ = writeln!(
            text,
            "  {policy} would admit it too, but comes later or changes it"
        );
    }
    for (policy, reasons) in &outcome.reasons {
        let _ = writeln!(text, "  {policy} does not admit it:");
        for reason in reasons {
            let _ = writeln!(text, "    {}", visible(reason));
        }
    }
    for (policy, reasons) in &outcome.not_usable {
        let would = if reasons.is_empty() {
            "would admit it"
        } else {
            "would not admit it either"
        };
        let _ = writeln!(
            text,
            "  {policy} {would}, but neither the account nor the creator may use it"
        );
    }
    for (policy, why) in &outcome.dead {
        let _ = writeln!(text, "  {policy} can never admit any pod: {why}");
    }
    text
}

/// Lists what differs, field by field.
fn changes(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(_) | Value::Null, Value::Object(after)) => {
            for (key, value) in after {
                changes(&format!("{path}.{key}"), &before[key], value, lines);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                changes(&format!("{path}[{index}]"), old, new, lines);
            }
        }
        _ if before != after => lines.push(format!("{path}: {before} -> {after}")),
        _ => {}
    }
}
