//! The installation in the cluster: its objects, the rights that they take, and the guard at work.

pub mod added;
pub mod check;
pub mod objects;
pub mod part;
pub mod probe;
