//! Files of this machine: manifests, snapshots, assertions, baselines.

pub mod assertions;
pub mod baseline;
mod manifests;
pub mod policy;
mod text;
