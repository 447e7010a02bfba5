//! A pod under a level at a version on a server.

use std::fmt::Write as _;

use super::finding::{Fault, Looking};
use super::registry::{Check, active};
use crate::model::level::{Level, LevelVersion, Server};
use crate::model::pod::Pod;

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
