//! From faults to changes.

use serde_json::{Value, json};

use crate::model::advice::Grade;
use crate::model::decision::{Decision, FieldFault};
use crate::model::manifest::Node;
use crate::model::pod::{APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};

/// What happens to a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It gets this value; parents that are missing are made.
    Set(Value),
    /// It goes, with its key or list item.
    Remove,
    /// A list gets one more item; it is made if it is missing.
    Append(Value),
}

/// A change of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Path from the object.
    pub path: String,
    /// What happens.
    pub change: Change,
    /// How much it changes for the program.
    pub grade: Grade,
    /// Why it is graded so.
    pub why: &'static str,
    /// The check that asks for it.
    pub check: &'static str,
}

/// A fault that no change fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Path from the object.
    pub path: String,
    /// The check.
    pub check: &'static str,
    /// Line, where the manifest is known.
    pub line: Option<usize>,
    /// Why it stays.
    pub why: String,
}

/// What can be done, and what stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Changes, in the order of the checks.
    pub ops: Vec<Op>,
    /// What stays.
    pub left: Vec<Left>,
}

/// Plans the changes that let an object pass, as far as `most` allows; `pod` is the path from the
/// object to its pod, empty when it is one.
#[must_use]
pub fn plan(decision: &Decision, node: &Node, pod: &str, most: Grade) -> Plan {
    let mut plan = Plan::default();
    for check in &decision.checks {
        for fault in &check.faults {
            if is_derived(check.id, fault, node) {
                continue;
            }
            let Some((path, change)) = change(check.id, fault) else {
                plan.left.push(left(
                    check.id,
                    fault,
                    "no small change keeps it working".to_owned(),
                ));
                continue;
            };
            if fault.fix > most {
                let why = format!("{}: {}", fault.fix.as_str(), fault.why);
                plan.left.push(left(check.id, fault, why));
                continue;
            }
            // What the pod can say once need not be said by every container.
            let (path, change) = match change {
                Change::Set(value) if fault.current.is_none() => {
                    let together = check
                        .faults
                        .iter()
                        .all(|other| other.current.is_some() || other.fix <= most);
                    (lifted(check.id, pod, &path, together), Change::Set(value))
                }
                other => (path, other),
            };
            let op = Op {
                path,
                change,
                grade: fault.fix,
                why: fault.why,
                check: check.id,
            };
            match plan.ops.iter_mut().find(|known| known.path == op.path) {
                Some(known) => known.grade = known.grade.max(op.grade),
                None => {
                    plan.ops.extend(stale_annotation(&op, node, pod));
                    plan.ops.push(op);
                }
            }
        }
    }
    plan
}

/// Returns the removal of an annotation that says something else than the field will: validation
/// refuses the pair. Source: `validateSeccompAnnotationsAndFields` and
/// `validateAppArmorAnnotationsAndFieldsMatchOnCreate` in `pkg/apis/core/validation/validation.go`.
fn stale_annotation(op: &Op, node: &Node, pod: &str) -> Option<Op> {
    let dot = if pod.is_empty() { "" } else { "." };
    let of_pod = format!("{pod}{dot}spec.securityContext.seccompProfile.type");
    let holder = op.path.split(".securityContext.").next()?;
    let key = if op.path == of_pod {
        SECCOMP_POD_ANNOTATION.to_owned()
    } else {
        let prefix = if op.path.ends_with("securityContext.seccompProfile.type") {
            SECCOMP_ANNOTATION
        } else if op.path.ends_with("securityContext.appArmorProfile.type") {
            APP_ARMOR_ANNOTATION
        } else {
            return None;
        };
        let name = node.at(holder)?.get("name")?.as_str()?;
        format!("{prefix}{name}")
    };
    let path = format!("{pod}{dot}metadata.annotations[{key}]");
    let value = node.at(&path)?.as_str()?;
    if matches!(value, "runtime/default" | "docker/default") {
        return None;
    }
    Some(Op {
        path,
        change: Change::Remove,
        grade: op.grade,
        why: "it now contradicts the field",
        check: op.check,
    })
}

fn left(check: &'static str, fault: &FieldFault, why: String) -> Left {
    Left {
        path: fault.path.clone(),
        check,
        line: fault.line,
        why,
    }
}

/// Returns the pod's own field for those that a container inherits.
fn lifted(check: &str, pod: &str, path: &str, together: bool) -> String {
    let field = match check {
        "runAsNonRoot" => "runAsNonRoot",
        "seccompProfile_restricted" => "seccompProfile.type",
        _ => return path.to_owned(),
    };
    if !together {
        return path.to_owned();
    }
    let dot = if pod.is_empty() { "" } else { "." };
    format!("{pod}{dot}spec.securityContext.{field}")
}

/// Returns whether the server made the field from another one, which has its own fault.
fn is_derived(check: &str, fault: &FieldFault, node: &Node) -> bool {
    fault.current.is_some()
        && matches!(
            check,
            "hostPorts"
                | "appArmorProfile"
                | "seccompProfile_baseline"
                | "seccompProfile_restricted"
        )
        && node.at(&fault.path).is_none()
}

/// Returns what fixes a fault; `None` when nothing small does.
fn change(check: &str, fault: &FieldFault) -> Option<(String, Change)> {
    let path = fault.path.clone();
    if path.contains("ephemeralContainers[") {
        return None;
    }
    let set = |value: Value| Some((path.clone(), Change::Set(value)));
    match check {
        "hostNamespaces" | "privileged" | "windowsHostProcess" | "allowPrivilegeEscalation" => {
            set(json!(false))
        }
        "procMount" | "procMount_restricted" => set(json!("Default")),
        "runAsNonRoot" => set(json!(true)),
        "seccompProfile_baseline" | "seccompProfile_restricted" | "appArmorProfile"
            if path.ends_with(".type") =>
        {
            set(json!("RuntimeDefault"))
        }
        "capabilities_restricted" if path.ends_with(".drop") => {
            Some((path, Change::Append(json!("ALL"))))
        }
        "sysctls" => Some((path.trim_end_matches(".name").to_owned(), Change::Remove)),
        "capabilities_baseline"
        | "capabilities_restricted"
        | "hostPorts"
        | "hostProbesAndHostLifecycle"
        | "seLinuxOptions"
        | "runAsUser"
        | "appArmorProfile"
        | "seccompProfile_baseline" => Some((path, Change::Remove)),
        // Whatever mounts the volume would miss it.
        _ => None,
    }
}
