//! Files of this machine.

pub mod delivery;
pub mod handover;
pub mod kubeconfig;
pub mod new_file;
