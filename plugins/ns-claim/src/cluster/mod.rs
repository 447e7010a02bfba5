//! What the plugin reads and writes in the cluster.

pub mod claims;
pub mod dangling;
pub mod ending;
pub mod index;
pub mod installation;
pub mod ledger;
pub mod records;
pub mod refusal;
pub mod server;
pub mod tombstones;
