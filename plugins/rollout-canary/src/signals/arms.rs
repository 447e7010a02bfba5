//! Which pods belong to which version.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use crate::verdict::Arm;

/// The label by which a Deployment's controller tells its ReplicaSets' pods apart
/// (`pkg/apis/apps/types.go` of Kubernetes, `DefaultDeploymentUniqueLabelKey`).
pub const HASH: &str = "pod-template-hash";

/// A pod and the version it runs.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The version.
    pub arm: Arm,
    /// The pod.
    pub pod: &'a Pod,
}

/// The pods of both versions.
#[derive(Clone, Debug)]
pub struct Arms<'a> {
    /// Their namespace.
    pub namespace: &'a str,
    /// All of them, in the order they were given.
    pub members: Vec<Member<'a>>,
}

impl<'a> Arms<'a> {
    /// Sorts pods by the hash of their template; others are left out, and so are those that are
    /// being deleted, whose requests are drained.
    #[must_use]
    pub fn by_hash(namespace: &'a str, pods: &'a [Pod], stable: &str, canary: &str) -> Self {
        let arm = |pod: &Pod| match pod.labels().get(HASH)?.as_str() {
            hash if hash == canary => Some(Arm::Canary),
            hash if hash == stable => Some(Arm::Stable),
            _ => None,
        };
        let members = pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .filter_map(|pod| {
                Some(Member {
                    arm: arm(pod)?,
                    pod,
                })
            })
            .collect();
        Self { namespace, members }
    }
}

impl Member<'_> {
    /// Returns the pod's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.pod.metadata.name.as_deref().unwrap_or_default()
    }

    /// Returns how long the pod has been Ready; `None` when it is not.
    #[must_use]
    pub fn ready_for(&self, now: Timestamp) -> Option<Duration> {
        let since = self.ready_condition().filter(|(ready, _)| *ready)?.1?;
        // A clock that is a little behind the server's is no reason to panic.
        Some(Duration::try_from(now.duration_since(since)).unwrap_or_default())
    }

    /// Returns whether the pod is Ready and since when that is so.
    pub(super) fn ready_condition(&self) -> Option<(bool, Option<Timestamp>)> {
        let conditions = self.pod.status.as_ref()?.conditions.as_ref()?;
        let ready = conditions.iter().find(|found| found.type_ == "Ready")?;
        let since = ready.last_transition_time.as_ref().map(|time| time.0);
        Some((ready.status == "True", since))
    }
}
