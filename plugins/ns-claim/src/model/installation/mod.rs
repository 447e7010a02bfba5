//! What is installed: the guard, the rights and the reaper, as objects.

pub mod guard;
pub mod reaper;
pub mod rights;
pub mod stages;
