//! What would happen: the machine on the model, and what stands in the way.

mod findings;
mod share;
mod walk;

pub use findings::{Finding, Question, Weight, findings, git_keeper};
pub use walk::{Walk, announce, walk};
#[cfg(test)]
pub(crate) use walk::{put, sight};
