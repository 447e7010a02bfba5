//! PodSecurityPolicy as Kubernetes 1.24, the last to have it, decides.
//!
//! Sources, in `k8s.io/kubernetes` v1.24.17: `plugin/pkg/admission/security/podsecuritypolicy` for
//! the two phases and the choice, `pkg/security/podsecuritypolicy` for what a policy does to a pod
//! and what it asks of one. Where a rule is not obvious the file is named beside it.

mod admit;
mod cel;
mod errors;
mod generate;
mod kinds;
mod level;
mod mutate;
mod policy;
mod prepare;
mod probe;
mod rbac;
mod stored;
mod strategies;
mod tighten;
mod unchanged;
mod validate;

pub use admit::{Outcome, Request, decide};
pub use cel::{admission_policy, losses, too_many};
pub use generate::{Generated, generate};
pub use level::{Guaranteed, guaranteed};
pub use policy::{IdRange, Policy, PolicyMeta, PolicySpec, Rule};
pub use probe::probes;
pub use rbac::{Grant, Rbac, User};
pub use stored::complete;
pub use unchanged::{completed, faults_as_is};

#[cfg(test)]
mod tests;
