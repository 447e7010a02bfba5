//! One object under one level at one version: the unit of every machine-readable answer.

use serde::Serialize;

use crate::model::advice::{self, Grade};
use crate::model::manifest::Node;
use crate::model::pod::{Pod, apply_defaults};
use crate::model::standards::{Level, LevelVersion, Server, Verdict, Version, evaluate};
use crate::model::workload::{ObjectRef, Workload};

/// What a server decides about an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The object.
    pub object: ObjectRef,
    /// The file that it stands in.
    pub file: Option<String>,
    /// The line in the file where it begins, from 1.
    pub line: Option<usize>,
    /// Level.
    pub level: Level,
    /// Version.
    pub version: Version,
    /// The server that decides.
    pub server_version: Server,
    /// Whether it passes.
    pub allowed: bool,
    /// The server's message; empty when it passes.
    pub message: String,
    /// The checks that it does not pass.
    pub checks: Vec<FailedCheck>,
}

/// A check that an object does not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedCheck {
    /// Name of the check.
    pub id: &'static str,
    /// The server's reason.
    pub reason: String,
    /// The server's detail.
    pub detail: String,
    /// Paths of the fields that would have to change, from the object.
    pub fields: Vec<String>,
    /// The same with what the server does not say.
    pub faults: Vec<FieldFault>,
}

/// A field that would have to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldFault {
    /// Path from the object.
    pub path: String,
    /// The container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Line of the field, or of its nearest parent that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column there.
    #[serde(skip)]
    pub column: usize,
    /// The value as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// What would be allowed.
    pub allowed: &'static str,
    /// How much a fix changes.
    pub fix: Grade,
    /// Why it is graded so.
    pub why: &'static str,
    /// What would fix it in its file, where that was asked for and is known.
    #[serde(skip)]
    pub replacements: Vec<Replacement>,
}

/// A piece of a file in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Line and column where it begins, from 1, in characters.
    pub start: (usize, usize),
    /// Line and column behind its end.
    pub end: (usize, usize),
    /// What comes.
    pub text: String,
}

impl FailedCheck {
    /// Returns the worst grade of its fixes.
    #[must_use]
    pub fn fix(&self) -> Grade {
        self.faults
            .iter()
            .map(|fault| fault.fix)
            .max()
            .unwrap_or(Grade::Behavior)
    }
}

impl Decision {
    /// Returns the policy that was asked for.
    #[must_use]
    pub fn policy(&self) -> LevelVersion {
        LevelVersion::new(self.level, self.version)
    }

    /// Returns whether safe fixes alone would let it pass.
    #[must_use]
    pub fn passes_after_safe_fixes(&self) -> bool {
        self.checks.iter().all(|check| check.fix() == Grade::Safe)
    }
}

/// Where an object was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Source<'a> {
    /// Name of the file.
    pub file: Option<&'a str>,
    /// The object's node, for lines.
    pub node: Option<&'a Node>,
}

/// A workload as one server prepares it, ready to be asked about any policy.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    workload: &'a Workload,
    pod: Pod,
    server: Server,
    source: Source<'a>,
}

impl<'a> Prepared<'a> {
    /// Applies the server's defaults.
    #[must_use]
    pub fn new(workload: &'a Workload, server: Server, source: Source<'a>) -> Self {
        let mut pod = workload.pod.clone();
        apply_defaults(&mut pod, workload.origin, server);
        Self {
            workload,
            pod,
            server,
            source,
        }
    }

    /// Decides.
    #[must_use]
    pub fn decide(&self, policy: LevelVersion) -> Decision {
        let verdict = evaluate(&self.pod, policy, self.server);
        Decision {
            object: self.workload.object.clone(),
            file: self.source.file.map(str::to_owned),
            line: self.source.node.map(|node| node.place.line),
            level: policy.level,
            version: policy.version,
            server_version: self.server,
            allowed: verdict.allowed(),
            message: verdict.message(),
            checks: self.checks(verdict),
        }
    }

    fn checks(&self, verdict: Verdict) -> Vec<FailedCheck> {
        verdict
            .violations
            .into_iter()
            .map(|violation| {
                let faults: Vec<FieldFault> = violation
                    .faults
                    .iter()
                    .map(|fault| {
                        let (fix, why) = advice::grade(&self.pod, &violation, fault);
                        let path = self.workload.field(&fault.path);
                        let place = self.source.node.map(|node| node.place_of(&path));
                        FieldFault {
                            container: fault.container.clone(),
                            line: place.map(|place| place.line),
                            column: place.map_or(1, |place| place.column),
                            current: fault.current.clone(),
                            allowed: fault.allowed,
                            path,
                            fix,
                            why,
                            replacements: Vec::new(),
                        }
                    })
                    .collect();
                FailedCheck {
                    id: violation.check.id,
                    fields: faults.iter().map(|fault| fault.path.clone()).collect(),
                    reason: violation.reason,
                    detail: violation.detail,
                    faults,
                }
            })
            .collect()
    }
}
