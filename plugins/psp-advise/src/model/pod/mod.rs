//! The part of a pod that a security policy looks at.
//!
//! Own types with the few fields that count: they are quick to read from a large cluster, and they
//! know fields that the client library dropped or does not have yet.

mod annotations;
mod defaults;
mod model;
mod volume;

pub use annotations::{APP_ARMOR_ANNOTATION, SECCOMP_ANNOTATION, SECCOMP_POD_ANNOTATION};
pub use defaults::{Origin, apply_defaults};
pub(crate) use model::nullable;
pub use model::{
    AppArmorProfile, Capabilities, Container, ContainerPort, Handler, Lifecycle, Meta, Os,
    OwnerReference, Pod, PodSecurityContext, PodSpec, Probe, SeLinuxOptions, SeccompProfile,
    SecurityContext, Sysctl, WindowsOptions,
};
pub use volume::Volume;
