//! Annotations that once were fields.

/// Prefix of the deprecated annotations that set a container's AppArmor profile.
pub const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
/// Annotation that set a pod's seccomp profile before 1.27.
pub const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// Prefix of the annotations that set a container's seccomp profile before 1.27.
pub const SECCOMP_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";
