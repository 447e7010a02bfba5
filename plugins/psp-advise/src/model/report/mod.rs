//! What was found, from workloads to an overview.

mod builder;
mod parts;

pub use builder::{Builder, Criteria, Live, Report};
pub use parts::{Namespace, Origin, Owner, Reason};
