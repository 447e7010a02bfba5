//! The smallest changes that let an object pass, and how they are written into its manifest.

mod document;
mod edit;
mod meant;
mod ops;
mod patch;
mod regions;
mod removal;
mod text;

pub use document::{Fixed, FixedObject, Wanted, fix_document};
pub use edit::edits;
pub use ops::{Change, Left, Op, Plan, plan};
pub use patch::{strategic, without_nulls};
pub use regions::note_fixes;
pub use text::{TextEdit, apply};

#[cfg(test)]
mod tests;
