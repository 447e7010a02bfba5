//! What would happen: the machine on the model, and what stands in the way.

mod walk;

pub use walk::{Stage, Walk, walk};
#[cfg(test)]
pub(crate) use walk::{put, sight};
