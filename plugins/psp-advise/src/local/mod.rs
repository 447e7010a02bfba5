//! Files of this machine.

pub mod admission_config;
pub mod files;
pub mod manifests;
pub mod policies;
pub mod replace;
pub mod subjects;
