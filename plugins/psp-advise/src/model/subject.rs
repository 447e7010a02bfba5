//! A pod that a policy is asked about, and where it comes from.

use serde_json::Value;

use crate::model::psp::User;
use crate::model::workload::Workload;

/// A pod that is asked about.
#[derive(Debug)]
pub struct Subject {
    /// The object that holds it.
    pub workload: Workload,
    /// The file.
    pub file: Option<String>,
    /// The pod as it would be sent.
    pub pod: Value,
    /// Its namespace.
    pub namespace: String,
}

impl Subject {
    /// Returns the service account that creates a controller's pods; `None` for a bare pod.
    ///
    /// Source: `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/controller_policy.go`.
    #[must_use]
    pub fn controller(&self) -> Option<User> {
        let name = match self.workload.object.kind.as_str() {
            "Deployment" | "ReplicaSet" => "replicaset-controller",
            "StatefulSet" => "statefulset-controller",
            "DaemonSet" => "daemon-set-controller",
            "Job" | "CronJob" => "job-controller",
            "ReplicationController" => "replication-controller",
            _ => return None,
        };
        Some(User::service_account("kube-system", name))
    }
}
