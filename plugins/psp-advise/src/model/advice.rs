//! How much a fix may change.

use serde::Serialize;

use crate::model::pod::{Container, Pod};
use crate::model::standards::{Fault, Violation};

/// How much a fix may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// An ordinary program does not notice.
    Safe,
    /// Right for most programs; needs a look at this one.
    Check,
    /// The program loses something that it was given on purpose.
    Behavior,
    /// Nothing can be edited: the pod has to be recreated.
    Recreate,
}

impl Grade {
    /// Returns the words for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Check => "verify at runtime",
            Self::Behavior => "may change behavior",
            Self::Recreate => "needs a new pod",
        }
    }
}

/// Grades the fix of a fault and says why.
#[must_use]
pub fn grade(pod: &Pod, violation: &Violation, fault: &Fault) -> (Grade, &'static str) {
    if fault.path.contains("spec.ephemeralContainers[") {
        return (
            Grade::Recreate,
            "an ephemeral container cannot be changed or removed",
        );
    }
    if fault.current.is_some() && violation.check.id != "capabilities_restricted" {
        return (Grade::Behavior, "it was set on purpose");
    }
    let container = pod
        .spec
        .all_containers()
        .find(|(list, index, _)| fault.path.starts_with(&format!("spec.{list}[{index}].")))
        .map(|(_, _, container)| container);
    match violation.check.id {
        "allowPrivilegeEscalation" => (Grade::Safe, "only setuid programs notice"),
        "seccompProfile_restricted" => (Grade::Safe, "the runtime's default profile"),
        "runAsNonRoot" => match container.and_then(|container| uid(pod, container)) {
            Some(uid) if uid != 0 => (Grade::Safe, "runAsUser is set and not 0"),
            Some(_) => (Grade::Behavior, "runAsUser is 0"),
            None => (Grade::Check, "the user of the image is unknown"),
        },
        "capabilities_restricted" if fault.path.contains(".capabilities.drop") => {
            if fault.current.is_some() {
                (Grade::Check, "the dropped capabilities were chosen")
            } else if container.is_some_and(|container| is_non_root(pod, container)) {
                (Grade::Safe, "a non-root process has no capabilities")
            } else {
                (
                    Grade::Check,
                    "a program that runs as root may need a capability",
                )
            }
        }
        _ => (Grade::Behavior, "it was set on purpose"),
    }
}

/// Returns the user that a container is told to run as; `None` leaves it to the image.
fn uid(pod: &Pod, container: &Container) -> Option<i64> {
    let of_pod = pod.spec.security_context.as_ref();
    let own = container.security_context.as_ref();
    own.and_then(|context| context.run_as_user)
        .or_else(|| of_pod.and_then(|context| context.run_as_user))
}

/// Returns whether a container is known not to run as root.
fn is_non_root(pod: &Pod, container: &Container) -> bool {
    let of_pod = pod.spec.security_context.as_ref();
    let own = container.security_context.as_ref();
    let refused = own
        .and_then(|context| context.run_as_non_root)
        .or_else(|| of_pod.and_then(|context| context.run_as_non_root));
    uid(pod, container).map_or(refused == Some(true), |uid| uid != 0)
}

/// Returns the worst grade of a violation's faults.
#[must_use]
pub fn worst(pod: &Pod, violation: &Violation) -> Grade {
    violation
        .faults
        .iter()
        .map(|fault| grade(pod, violation, fault).0)
        .max()
        .unwrap_or(Grade::Behavior)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::standards::{Level, LevelVersion, Server, Version, evaluate};

    fn grades(json: &str) -> Vec<(&'static str, Grade)> {
        let pod: Pod = serde_json::from_str(json).unwrap();
        let policy = LevelVersion::new(Level::Restricted, Version::Latest);
        evaluate(&pod, policy, Server::default())
            .violations
            .iter()
            .map(|violation| (violation.check.id, worst(&pod, violation)))
            .collect()
    }

    #[test]
    fn a_user_that_is_not_root_makes_what_is_missing_safe() {
        let unknown = grades(r#"{"spec":{"containers":[{"name":"a"}]}}"#);
        assert_eq!(
            unknown,
            [
                ("allowPrivilegeEscalation", Grade::Safe),
                ("capabilities_restricted", Grade::Check),
                ("runAsNonRoot", Grade::Check),
                ("seccompProfile_restricted", Grade::Safe)
            ]
        );
        let known = grades(
            r#"{"spec":{"securityContext":{"runAsUser":1000},"containers":[{"name":"a"}]}}"#,
        );
        assert!(known.iter().all(|(_, grade)| *grade == Grade::Safe));
    }

    #[test]
    fn what_was_set_is_never_safe_and_an_ephemeral_container_stays() {
        let set = grades(
            r#"{"spec":{"hostNetwork":true,"ephemeralContainers":[{"name":"d"}],
                "containers":[]}}"#,
        );
        assert_eq!(set[0], ("hostNamespaces", Grade::Behavior));
        assert_eq!(set[1], ("allowPrivilegeEscalation", Grade::Recreate));
    }
}
