//! A pod under a level at a version on a server.

use std::fmt::Write as _;

use serde::Serialize;

use super::level::{Level, LevelVersion, Server};
use super::registry::{Check, active};
use crate::pod::{Container, Pod};

/// One field that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Path from the pod (or template): `spec.containers[0].securityContext.privileged`.
    pub path: String,
    /// The container, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The value as it is; `None` when the field is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// What would be allowed.
    pub allowed: &'static str,
}

/// One check that a pod does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The check.
    pub check: &'static Check,
    /// The server's reason.
    pub reason: String,
    /// The server's detail.
    pub detail: String,
    /// Every field that would have to change, also those that the server's detail leaves out
    /// because something else is wrong too.
    pub faults: Vec<Fault>,
}

/// What a server decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The policy that was asked for.
    pub policy: LevelVersion,
    /// What is violated, in the server's order.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// Returns whether the pod passes.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns `violates PodSecurity "restricted:v1.30": …`, or nothing for a pod that passes.
    ///
    /// Source: `EvaluatePod` in `admission/admission.go`.
    #[must_use]
    pub fn message(&self) -> String {
        if self.allowed() {
            return String::new();
        }
        format!(
            "violates PodSecurity \"{}\": {}",
            self.policy,
            self.details()
        )
    }

    /// Returns `reason (detail), reason (detail)`, as a message has them.
    #[must_use]
    pub fn details(&self) -> String {
        let mut text = String::new();
        for violation in &self.violations {
            if !text.is_empty() {
                text.push_str(", ");
            }
            // Writing into a string cannot fail.
            let _ = write!(text, "{} ({})", violation.reason, violation.detail);
        }
        text
    }

    /// Returns the reasons alone, as the server's warnings about a namespace have them.
    #[must_use]
    pub fn reasons(&self) -> String {
        let reasons: Vec<&str> = self
            .violations
            .iter()
            .map(|violation| violation.reason.as_str())
            .collect();
        reasons.join(", ")
    }
}

/// Evaluates a pod whose defaults were applied for the same server.
#[must_use]
pub fn evaluate(pod: &Pod, policy: LevelVersion, server: Server) -> Verdict {
    let violations = if policy.level == Level::Privileged {
        Vec::new()
    } else {
        let looking = Looking {
            pod,
            version: server.applied(policy.version),
            server,
        };
        active(policy.level, looking.version, server)
            .filter_map(|check| {
                (check.run)(&looking).map(|found| Violation {
                    check,
                    reason: found.reason,
                    detail: found.detail,
                    faults: found.faults,
                })
            })
            .collect()
    };
    Verdict { policy, violations }
}

/// What a check looks at.
#[derive(Debug)]
pub struct Looking<'a> {
    /// The pod.
    pub(super) pod: &'a Pod,
    /// The minor version of the standards.
    pub(super) version: u32,
    /// The server.
    pub(super) server: Server,
}

/// What a check found.
#[derive(Debug)]
pub struct Found {
    pub(super) reason: String,
    pub(super) detail: String,
    pub(super) faults: Vec<Fault>,
}

impl Looking<'_> {
    /// Returns whether the pod is in a user namespace and the standards take that into account.
    pub(super) fn relaxed(&self) -> bool {
        self.version >= 35 && self.pod.spec.host_users == Some(false)
    }

    /// Returns whether the pod is a Windows pod and the standards exempt those.
    pub(super) fn windows(&self) -> bool {
        self.version >= 25 && self.pod.spec.is_windows()
    }
}

/// Collects the fields that are at fault.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// Adds a field of the pod; `path` begins at the pod.
    pub(super) fn pod(&mut self, path: String, current: Option<String>, allowed: &'static str) {
        self.0.push(Fault {
            path,
            container: None,
            current,
            allowed,
        });
    }

    /// Adds a field of a container; `field` begins at the container.
    pub(super) fn container(
        &mut self,
        (list, index, container): (&'static str, usize, &Container),
        field: &str,
        current: Option<String>,
        allowed: &'static str,
    ) {
        self.0.push(Fault {
            path: format!("spec.{list}[{index}].{field}"),
            container: Some(container.name.clone()),
            current,
            allowed,
        });
    }
}
