//! A level with exceptions: everything that it asks for but what some workloads need.
//!
//! - this file: which exceptions pods need, and what such a policy decides;
//! - [`cel`]: the same as a ValidatingAdmissionPolicy.

mod cel;

use std::collections::BTreeSet;

use serde::{Deserialize as _, Serialize};
use serde_json::Value;

use super::evaluate::evaluate;
use super::finding::Fault;
use crate::model::level::{LevelVersion, Server};
use crate::model::pod::{Origin, Pod, apply_defaults};

/// The oldest version of the standards of which a policy is made: the rules of older ones hang on
/// annotations that no server reads any more.
pub const OLDEST_EXCEPT: u32 = 25;

/// Something that a check lets pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Exception {
    /// The check.
    pub check: &'static str,
    /// The value: what is added, mounted, set; `unset` for what is missing; empty where the check
    /// knows one value only.
    pub value: String,
}

/// A level with exceptions.
#[derive(Clone, Debug)]
pub struct Except {
    /// The level and version.
    pub policy: LevelVersion,
    /// The server that decides.
    pub server: Server,
    /// The exceptions.
    pub exceptions: BTreeSet<Exception>,
}

impl Except {
    /// Returns the level with the exceptions that pods need.
    ///
    /// # Errors
    ///
    /// What is not a pod.
    pub fn of<'a>(
        policy: LevelVersion,
        server: Server,
        pods: impl IntoIterator<Item = &'a Value>,
    ) -> Result<Self, serde_json::Error> {
        let mut exceptions = BTreeSet::new();
        for pod in pods {
            exceptions.extend(needs(policy, server, pod)?);
        }
        Ok(Self {
            policy,
            server,
            exceptions,
        })
    }

    /// Returns whether it admits a pod.
    ///
    /// # Errors
    ///
    /// What is not a pod.
    pub fn admits(&self, pod: &Value) -> Result<bool, serde_json::Error> {
        let needs = needs(self.policy, self.server, pod)?;
        Ok(needs.is_subset(&self.exceptions))
    }

    fn has(&self, check: &'static str, value: &str) -> bool {
        self.values(check).any(|known| known == value)
    }

    fn values(&self, check: &'static str) -> impl Iterator<Item = &str> {
        let exceptions = self.exceptions.iter();
        exceptions
            .filter(move |exception| exception.check == check)
            .map(|exception| exception.value.as_str())
    }
}

/// Returns the exceptions that a pod needs under a level.
fn needs(
    policy: LevelVersion,
    server: Server,
    pod: &Value,
) -> Result<BTreeSet<Exception>, serde_json::Error> {
    let mut read = Pod::deserialize(pod)?;
    apply_defaults(&mut read, Origin::Pod, server);
    let verdict = evaluate(&read, policy, server);
    let mut needs = BTreeSet::new();
    for violation in &verdict.violations {
        let check = violation.check.id;
        for fault in &violation.faults {
            let value = value(check, fault, pod);
            needs.insert(Exception { check, value });
        }
    }
    Ok(needs)
}

/// Returns what a fault needs to be let through.
fn value(check: &str, fault: &Fault, pod: &Value) -> String {
    let current = fault.current.clone().unwrap_or_else(|| "unset".to_owned());
    let last = fault.path.rsplit('.').next().unwrap_or_default();
    match check {
        "hostNamespaces" => last.to_owned(),
        "capabilities_restricted" if last == "drop" => "drop".to_owned(),
        "seLinuxOptions" => format!("{last}={current}"),
        "privileged"
        | "windowsHostProcess"
        | "allowPrivilegeEscalation"
        | "runAsNonRoot"
        | "runAsUser" => String::new(),
        "hostPathVolumes" | "restrictedVolumes" => volume(fault, pod),
        _ => current,
    }
}

/// A path of the node counts by itself; of every other sort of volume the sort.
fn volume(fault: &Fault, pod: &Value) -> String {
    let index = fault
        .path
        .strip_prefix("spec.volumes[")
        .and_then(|rest| rest.split_once(']'))
        .and_then(|(index, _)| index.parse::<usize>().ok());
    let volume = index.map_or(&Value::Null, |index| &pod["spec"]["volumes"][index]);
    if let Some(path) = volume["hostPath"]["path"].as_str() {
        return path.to_owned();
    }
    let sources = volume.as_object().into_iter().flatten();
    sources
        .filter(|(key, value)| *key != "name" && !value.is_null())
        .map(|(key, _)| key.clone())
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::standards::{Level, Version};
    use serde_json::json;

    fn except(level: Level, pods: &[Value]) -> Except {
        let policy = LevelVersion::new(level, Version::Minor(36));
        Except::of(policy, Server::new(36).unwrap(), pods).unwrap()
    }

    fn agent() -> Value {
        json!({"spec": {"hostPID": true, "hostNetwork": true,
            "volumes": [{"name": "v", "hostPath": {"path": "/var/log"}}],
            "containers": [{"name": "c", "ports": [{"containerPort": 9100}],
                "securityContext": {"capabilities": {"add": ["SYS_PTRACE"]}}}]}})
    }

    #[test]
    fn a_policy_admits_what_it_was_made_from() {
        for level in [Level::Baseline, Level::Restricted] {
            assert!(except(level, &[agent()]).admits(&agent()).unwrap());
        }
    }

    #[test]
    fn nothing_beyond_the_exceptions_is_admitted() {
        let policy = except(Level::Baseline, &[agent()]);
        for (path, value) in [
            ("/spec/hostIPC", json!(true)),
            ("/spec/volumes/0/hostPath/path", json!("/var")),
            ("/spec/containers/0/ports/0/containerPort", json!(9101)),
            (
                "/spec/containers/0/securityContext/capabilities/add/0",
                json!("SYS_ADMIN"),
            ),
        ] {
            let mut pod = agent();
            if path == "/spec/hostIPC" {
                pod["spec"]["hostIPC"] = value;
            } else {
                *pod.pointer_mut(path).unwrap() = value;
            }
            assert!(!policy.admits(&pod).unwrap(), "{path}");
        }
    }

    #[test]
    fn every_exception_is_needed_by_a_pod() {
        let policy = except(Level::Restricted, &[agent()]);
        assert!(policy.exceptions.len() > 5);
        for exception in &policy.exceptions {
            let mut tighter = policy.clone();
            tighter.exceptions.remove(exception);
            assert!(!tighter.admits(&agent()).unwrap(), "{exception:?}");
        }
    }
}
