//! The commands; one file or folder each.

mod answer;
pub mod check;
pub mod diff;
mod flags;
pub mod matrix;
pub mod overview;
pub mod risks;
pub mod snapshot;
pub mod verify;
pub mod what;
pub mod who;
pub mod why;
