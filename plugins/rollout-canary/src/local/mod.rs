//! Files of this machine.

pub mod manifest;
