//! Reads a policy from a cluster, and asks it.

mod discovery;
pub mod identity;
mod lists;
pub mod policy;
pub mod reviews;
