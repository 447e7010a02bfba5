//! The resources whose objects contain pods.

/// A resource whose objects contain pods.
#[derive(Clone, Copy, Debug)]
pub struct Resource {
    /// Empty for the core group.
    group: &'static str,
    /// The name in paths.
    pub plural: &'static str,
    /// The name in objects.
    pub kind: &'static str,
    /// Path from the object to its pod template; empty for a pod.
    pub template: &'static str,
}

const fn of(
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    template: &'static str,
) -> Resource {
    Resource {
        group,
        plural,
        kind,
        template,
    }
}

/// Pods.
pub const PODS: Resource = of("", "pods", "Pod", "");
/// Templates that nothing runs by itself.
pub const POD_TEMPLATES: Resource = of("", "podtemplates", "PodTemplate", "template");
/// Controllers; those that own others come first.
pub const CONTROLLERS: [Resource; 7] = [
    of("apps", "deployments", "Deployment", "spec.template"),
    of("apps", "replicasets", "ReplicaSet", "spec.template"),
    of("apps", "statefulsets", "StatefulSet", "spec.template"),
    of("apps", "daemonsets", "DaemonSet", "spec.template"),
    of(
        "batch",
        "cronjobs",
        "CronJob",
        "spec.jobTemplate.spec.template",
    ),
    of("batch", "jobs", "Job", "spec.template"),
    of(
        "",
        "replicationcontrollers",
        "ReplicationController",
        "spec.template",
    ),
];

impl Resource {
    /// Returns group and version; all of these are `v1`.
    #[must_use]
    pub fn api_version(self) -> String {
        match self.group {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        }
    }

    /// Returns the path of the objects of a namespace, or of all of them.
    #[must_use]
    pub fn path(self, namespace: Option<&str>) -> String {
        let api = if self.group.is_empty() { "api" } else { "apis" };
        let scope = namespace.map_or_else(String::new, |name| format!("namespaces/{name}/"));
        format!("/{api}/{}/{scope}{}", self.api_version(), self.plural)
    }

    /// Returns the resource as errors name it.
    #[must_use]
    pub fn full(self) -> String {
        match self.group {
            "" => self.plural.to_owned(),
            group => format!("{}.{group}", self.plural),
        }
    }
}
