//! Kubeconfig files on this machine.

pub mod existing;
pub mod file;
pub mod lock;
pub mod merge;
pub mod own;
