//! Which versions of Kubernetes a sandbox can have.

/// The newest version: of a sandbox unless another is asked for, and of the storage, the client
/// and the simulated nodes of every other.
pub const NEWEST: &str = "1.37";

/// The last version that has PodSecurityPolicy.
pub const WITH_POD_SECURITY_POLICY: &str = "1.24";

/// Every version, oldest first: 1.24 for `PodSecurityPolicy`, then all since
/// `ValidatingAdmissionPolicy` is on by default.
pub const VERSIONS: [&str; 9] = [
    WITH_POD_SECURITY_POLICY,
    "1.30",
    "1.31",
    "1.32",
    "1.33",
    "1.34",
    "1.35",
    "1.36",
    NEWEST,
];

/// Names the group of binaries of a version.
#[must_use]
pub fn group(version: &str) -> String {
    format!("kubernetes-{version}")
}

/// Says whether a version has a kubelet that can be built, and so a real node.
#[must_use]
pub fn has_kubelet(version: &str) -> bool {
    version != WITH_POD_SECURITY_POLICY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Group;

    #[test]
    fn every_version_has_its_binaries() {
        for version in VERSIONS {
            assert!(Group::named(&group(version)).is_ok(), "{version}");
        }
    }
}
