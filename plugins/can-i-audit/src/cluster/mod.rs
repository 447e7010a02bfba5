//! Reads a policy from a cluster, and asks it.

pub mod connect;
mod discovery;
pub mod identity;
mod lists;
pub mod policy;
pub mod reviews;
