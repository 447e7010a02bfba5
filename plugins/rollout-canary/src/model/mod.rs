//! Nouns and rules: no client, no clock, no environment, no printing.

pub mod break_glass;
pub mod change;
pub mod conflict;
pub mod controller;
pub mod dead;
pub mod findings;
pub mod intent;
pub mod kind;
pub mod machine;
pub mod names;
pub mod object;
pub mod patch;
pub mod pod;
pub mod quota;
pub mod record;
pub mod snapshot;
pub mod state;
pub mod status;
pub mod steps;
pub mod target;
pub mod traffic;
pub mod verdict;
pub mod walk;
pub mod weight;
pub mod words;
