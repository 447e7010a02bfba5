//! The answer as tables for people and documents for programs.

mod document;
mod fit;
mod shell;
mod table;

pub use document::{API_VERSION, Document, json, write_json, yaml};
pub use shell::{path_word, shell_word};
pub use table::Table;
