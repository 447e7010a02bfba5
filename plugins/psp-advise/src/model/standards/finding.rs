//! What a check looks at, and what it finds.

use serde::Serialize;

use crate::model::level::Server;
use crate::model::pod::{Container, Pod};

/// One field that a check does not allow.
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
