//! Which pods belong to which version.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::pod::Pod;
use crate::model::verdict::windows::Arm;

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
    /// Sorts pods by the UID of their ReplicaSet; others are left out, and so are those that are
    /// being deleted, whose requests are drained.
    pub fn by_owner(
        namespace: &'a str,
        pods: impl IntoIterator<Item = &'a Pod>,
        stable: &str,
        canary: &str,
    ) -> Self {
        let arm = |pod: &Pod| match pod.owner.as_str() {
            owner if owner == canary => Some(Arm::Canary),
            owner if owner == stable => Some(Arm::Stable),
            _ => None,
        };
        let members = pods
            .into_iter()
            .filter(|pod| !pod.deleting)
            .filter_map(|pod| {
                Some(Member {
                    arm: arm(pod)?,
                    pod,
                })
            })
            .collect();
        Self { namespace, members }
    }

    /// Counts an arm's pods.
    #[must_use]
    pub fn count(&self, arm: Arm) -> usize {
        self.members.iter().filter(|found| found.arm == arm).count()
    }
}

impl Member<'_> {
    /// Returns how long the pod has been Ready; `None` when it is not.
    #[must_use]
    pub fn ready_for(&self, now: Timestamp) -> Option<Duration> {
        let since = self.pod.ready_since.filter(|_| self.pod.ready)?;
        // A clock that is a little behind the server's is no reason to panic.
        Some(Duration::try_from(now.duration_since(since)).unwrap_or_default())
    }
}
