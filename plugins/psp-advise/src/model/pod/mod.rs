//! The part of a pod that a security policy looks at.
//!
//! Own types with the few fields that count: they are quick to read from a large cluster, and they
//! know fields that the client library dropped or does not have yet.

mod defaults;
mod model;
mod volume;

pub use defaults::{Origin, apply_defaults};
pub(crate) use model::nullable;
pub use model::{
    AppArmorProfile, Capabilities, Container, ContainerPort, Handler, Lifecycle, Meta, Os,
    OwnerReference, Pod, PodSecurityContext, PodSpec, Probe, SeLinuxOptions, SeccompProfile,
    SecurityContext, Sysctl, WindowsOptions,
};
pub use volume::Volume;

/// Prefix of the deprecated annotations that set a container's AppArmor profile.
pub const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";
/// Annotation that set a pod's seccomp profile before 1.27.
pub const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// Prefix of the annotations that set a container's seccomp profile before 1.27.
pub const SECCOMP_ANNOTATION: &str = "container.seccomp.security.alpha.kubernetes.io/";
