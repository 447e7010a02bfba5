//! Routes of the Gateway API: found, changed, taken back, and what was left behind in them.

pub mod detect;
pub mod leftover;
pub mod trial;
pub mod write;
