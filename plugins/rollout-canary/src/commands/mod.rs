//! The commands, a module for each word, and the flags and answers that several of them share.

pub mod abort;
pub mod answer;
pub mod break_glass;
pub mod doctor;
pub mod flags;
pub mod history;
pub mod list;
pub mod pause;
pub mod plan;
pub mod promote;
pub mod resume;
pub mod start;
pub mod status;
pub mod undo;
