//! SARIF, one result per field.

use groundcrew::error::Result;
use groundcrew::output::json;
use groundcrew::report::sarif::{
    ArtifactChange, ArtifactLocation, ColumnKind, Configuration, Content, Driver, Finding, Fix,
    Invocation, Level as Severity, Location, Log, LogicalLocation, PhysicalLocation, Properties,
    Region, Replacement, Rule, Run, Tool,
};
use psp_advise::model::decision::{Decision, FailedCheck, FieldFault};
use psp_advise::model::level::Level;
use psp_advise::model::report::Report;
use psp_advise::model::standards::{CHECKS, Check};

/// Renders the report.
///
/// # Errors
///
/// None in practice: everything here has a JSON form.
pub(super) fn render(report: &Report) -> Result<String> {
    let results = report.decisions.iter().flat_map(|decision| {
        let checks = decision.checks.iter();
        checks.flat_map(move |check| {
            let faults = check.faults.iter();
            faults.map(move |fault| result(decision, check, fault))
        })
    });
    let unseen = report.unseen.iter();
    json(&Log::new(Run {
        tool: Tool {
            driver: Driver {
                name: "kubectl psp-advise",
                semantic_version: env!("CARGO_PKG_VERSION"),
                rules: CHECKS.iter().map(rule).collect(),
            },
        },
        invocations: [Invocation::new(
            report.complete,
            unseen.map(|one| format!("{}: {}", one.what, one.why)),
        )],
        column_kind: ColumnKind::UnicodeCodePoints,
        results: results.collect::<Vec<Finding>>(),
    }))
}

fn rule(check: &Check) -> Rule {
    Rule {
        id: id(check.level, check.id),
        name: check.id,
        short_description: check.summary.into(),
        full_description: Some(format!("Allowed: {}", check.allowed).into()),
        help_uri: Some("https://kubernetes.io/docs/concepts/security/pod-security-standards/"),
        default_configuration: Configuration {
            level: severity(check.level),
        },
        properties: Some(Properties {
            tags: vec!["security", check.level.as_str()],
        }),
    }
}

fn id(level: Level, check: &str) -> String {
    format!("PSS.{level}.{check}")
}

fn severity(level: Level) -> Severity {
    match level {
        Level::Baseline => Severity::Error,
        Level::Privileged | Level::Restricted => Severity::Warning,
    }
}

fn result(decision: &Decision, check: &FailedCheck, fault: &FieldFault) -> Finding {
    let known = CHECKS.iter().position(|known| known.id == check.id);
    let level = known.map_or(Level::Restricted, |index| CHECKS[index].level);
    let object = &decision.object;
    let name = format!("{}/{}", object.namespace, object.short());
    let place = decision.file.as_ref().zip(fault.line);
    let is = fault.current.as_deref().unwrap_or("unset");
    let text = format!(
        "{}: {} is {is}, allowed: {} ({}; {})",
        object.short(),
        fault.path,
        fault.allowed,
        decision.policy(),
        fault.fix.as_str(),
    );
    let fingerprint = format!("{name}#{}#{}#{}", check.id, fault.path, decision.policy());
    Finding {
        rule_id: id(level, check.id),
        rule_index: known,
        level: severity(level),
        message: text.into(),
        locations: [Location {
            physical_location: place.map(|(file, line)| PhysicalLocation {
                artifact_location: ArtifactLocation::of(file),
                region: Region {
                    start_line: line,
                    start_column: Some(fault.column),
                    ..Region::default()
                },
            }),
            logical_locations: [LogicalLocation {
                fully_qualified_name: format!("{name}/{}", fault.path),
                kind: Some("member"),
            }],
        }],
        partial_fingerprints: [("objectCheckField/v1", fingerprint)].into(),
        fixes: fixes(decision, fault),
    }
}

/// Returns the fix of a field; it was made, read again and decided before.
fn fixes(decision: &Decision, fault: &FieldFault) -> Vec<Fix> {
    let file = decision.file.as_ref();
    let Some(file) = file.filter(|_| !fault.replacements.is_empty()) else {
        return Vec::new();
    };
    let replacements = fault.replacements.iter().map(|one| Replacement {
        deleted_region: Region {
            start_line: one.start.0,
            start_column: Some(one.start.1),
            end_line: Some(one.end.0),
            end_column: Some(one.end.1),
        },
        inserted_content: Content {
            text: one.text.clone(),
        },
    });
    vec![Fix {
        description: format!("{} ({})", fault.fix.as_str(), fault.why).into(),
        artifact_changes: [ArtifactChange {
            artifact_location: ArtifactLocation::of(file),
            replacements: replacements.collect(),
        }],
    }]
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
    fn a_region_is_the_fields_and_a_fix_is_what_fixes_it() {
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
        assert!(network.get("fixes").is_none(), "it may change behavior");
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
