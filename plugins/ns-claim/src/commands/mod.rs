//! The commands, each under the word that a person types.

pub mod answer;
pub mod claim;
pub mod doctor;
pub mod extend;
pub mod get;
pub mod install;
pub mod list;
pub mod protect;
pub mod reap;
pub mod release;
pub mod report;
pub mod transfer;
pub mod uninstall;
