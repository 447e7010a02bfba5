//! Flags that every plugin has, defined once.

pub mod duration;
pub mod kube;
pub mod moment;
mod output;

pub use kube::KubeArgs;
pub use output::{DryRun, Format, Globals, OutputArgs, WriteArgs};
