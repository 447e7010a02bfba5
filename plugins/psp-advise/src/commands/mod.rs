//! One file or folder per word of the command line.

pub mod answer;
pub mod checks;
pub mod diff;
pub mod explain;
pub mod fix;
pub mod flags;
pub mod generate;
pub mod label;
pub mod migrate;
pub mod scan;
pub mod upgrade;
