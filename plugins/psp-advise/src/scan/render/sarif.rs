//! SARIF 2.1.0, one result per field.
//!
//! Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.

use groundcrew::error::Result;
use groundcrew::output::json;
use psp_advise::decision::{Decision, FailedCheck, FieldFault};
use psp_advise::standards::{CHECKS, Level};
use serde_json::{Value, json};

use crate::scan::report::Report;

/// Renders the report.
///
/// # Errors
///
/// None in practice: everything here has a JSON form.
pub(super) fn render(report: &Report) -> Result<String> {
    let rules: Vec<Value> = CHECKS
        .iter()
        .map(|check| {
            json!({
                "id": rule(check.level, check.id),
                "name": check.id,
                "shortDescription": {"text": check.summary},
                "fullDescription": {"text": format!("Allowed: {}", check.allowed)},
                "helpUri": "https://kubernetes.io/docs/concepts/security/pod-security-standards/",
                "defaultConfiguration": {"level": severity(check.level)},
                "properties": {"tags": ["security", check.level.as_str()]},
            })
        })
        .collect();
    let mut results = Vec::new();
    for decision in &report.decisions {
        for check in &decision.checks {
            results.extend(
                check
                    .faults
                    .iter()
                    .map(|fault| result(decision, check, fault)),
            );
        }
    }
    let notifications: Vec<Value> = report
        .not_evaluated
        .iter()
        .map(|missing| json!({"level": "error", "message": {"text": missing.to_string()}}))
        .collect();
    json(&json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "kubectl psp-advise",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": report.complete,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    }))
}

fn rule(level: Level, id: &str) -> String {
    format!("PSS.{level}.{id}")
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::Baseline => "error",
        Level::Privileged | Level::Restricted => "warning",
    }
}

fn result(decision: &Decision, check: &FailedCheck, fault: &FieldFault) -> Value {
    let known = CHECKS.iter().position(|known| known.id == check.id);
    let level = known.map_or(Level::Restricted, |index| CHECKS[index].level);
    let object = &decision.object;
    let name = format!("{}/{}", object.namespace, object.short());
    let mut location = json!({
        "logicalLocations": [{
            "fullyQualifiedName": format!("{name}/{}", fault.path),
            "kind": "member",
        }],
    });
    if let (Some(file), Some(line)) = (&decision.file, fault.line) {
        location["physicalLocation"] = json!({
            "artifactLocation": {"uri": uri(file)},
            "region": {"startLine": line, "startColumn": fault.column},
        });
    }
    let is = fault.current.as_deref().unwrap_or("unset");
    json!({
        "ruleId": rule(level, check.id),
        "ruleIndex": known,
        "level": severity(level),
        "message": {"text": format!(
            "{}: {} is {is}, allowed: {} ({}; {})",
            object.short(), fault.path, fault.allowed, decision.policy(), fault.fix.as_str(),
        )},
        "locations": [location],
        "partialFingerprints": {
            "objectCheckField/v1": format!("{name}#{}#{}#{}", check.id, fault.path, decision.policy()),
        },
    })
}

/// Writes a path as a relative reference; blanks and the like are escaped.
fn uri(file: &str) -> String {
    file.bytes().fold(String::new(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
        uri
    })
}
