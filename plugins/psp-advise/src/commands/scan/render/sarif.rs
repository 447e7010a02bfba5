//! SARIF 2.1.0, one result per field.
//!
//! Source: OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0.

use groundcrew::error::Result;
use groundcrew::output::json;
use psp_advise::model::decision::{Decision, FailedCheck, FieldFault};
use psp_advise::model::report::Report;
use psp_advise::model::standards::{CHECKS, Level};
use serde_json::{Value, json};

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
    let fixes = decision.file.as_ref().and_then(|file| fixes(file, fault));
    let is = fault.current.as_deref().unwrap_or("unset");
    let mut result = json!({
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
    });
    if let Some(fixes) = fixes {
        result["fixes"] = fixes;
    }
    result
}

/// Returns the fix of a field; it was made, read again and decided before.
fn fixes(file: &str, fault: &FieldFault) -> Option<Value> {
    if fault.replacements.is_empty() {
        return None;
    }
    let replacements: Vec<Value> = fault
        .replacements
        .iter()
        .map(|one| {
            json!({
                "deletedRegion": {
                    "startLine": one.start.0, "startColumn": one.start.1,
                    "endLine": one.end.0, "endColumn": one.end.1,
                },
                "insertedContent": {"text": one.text},
            })
        })
        .collect();
    Some(json!([{
        "description": {"text": format!("{} ({})", fault.fix.as_str(), fault.why)},
        "artifactChanges": [{
            "artifactLocation": {"uri": uri(file)},
            "replacements": replacements,
        }],
    }]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::files::FileArgs;
    use crate::local::manifests;
    use psp_advise::model::level::{Server, Version};
    use psp_advise::model::report::Criteria;

    const MANIFEST: &str = "\
# first
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  hostNetwork: true
  containers:
  - name: a
    securityContext:
      runAsUser: 5
---
apiVersion: v1
kind: Pod
metadata: {name: q}
spec: {containers: [{name: b, image: i}]}
---
kind: [
";

    fn sarif(text: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a file.yaml");
        std::fs::write(&path, text).unwrap();
        let server = Server::new(36).unwrap();
        let criteria = Criteria {
            fixes: true,
            ..Criteria::levels_at(Version::Minor(36), server)
        };
        let files = FileArgs {
            filename: vec![path],
            ..FileArgs::default()
        };
        let text = render(&manifests::evaluate(&files, &criteria).unwrap()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_document_is_valid_by_its_schema() {
        let schema = include_str!("../../../../schemas/sarif-2.1.0.json");
        // One pattern of the schema has a bracket that ECMA 262 asks to escape.
        let schema = schema.replace("{2}]?$", "{2}\\\\]?$");
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let validator = jsonschema::draft7::new(&schema).unwrap();
        let document = sarif(MANIFEST);
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
        let mut wrong = document;
        wrong["runs"][0]["results"][0]["level"] = json!("loud");
        assert!(!validator.is_valid(&wrong), "the schema is asked at all");
    }

    #[test]
    fn a_region_is_the_fields_and_a_fix_is_what_mends_it() {
        let document = sarif(MANIFEST);
        let results = document["runs"][0]["results"].as_array().unwrap();
        let of = |field: &str| {
            let suffix = format!("pod/p/{field}");
            let found = results.iter().find(|result| {
                let name = &result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
                name.as_str().unwrap().ends_with(&suffix)
            });
            found.unwrap_or_else(|| panic!("{field}"))
        };
        let region = |result: &Value| {
            let region = &result["locations"][0]["physicalLocation"]["region"];
            (
                region["startLine"].as_u64().unwrap(),
                region["startColumn"].as_u64().unwrap(),
            )
        };
        let network = of("spec.hostNetwork");
        assert_eq!(region(network), (6, 3));
        assert!(network.get("fixes").is_none(), "it changes behaviour");
        let escalation = of("spec.containers[0].securityContext.allowPrivilegeEscalation");
        assert_eq!(region(escalation).0, 9, "unset: its parent");
        let replacement = &escalation["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(
            replacement["insertedContent"]["text"],
            "      allowPrivilegeEscalation: false\n"
        );
        assert_eq!(replacement["deletedRegion"]["startLine"], 11);
    }
}
