//! The smallest changes that let an object pass, and how they are written into its manifest.

mod document;
mod edit;
mod ops;
mod patch;
mod regions;
mod removal;

pub use document::{Fixed, FixedObject, Wanted, fix_document};
pub use edit::{TextEdit, apply, edits};
pub use ops::{Change, Left, Op, Plan, plan};
pub use patch::{strategic, without_nulls};
pub use regions::note_fixes;

#[cfg(test)]
mod tests;
