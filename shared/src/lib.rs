//! What every groundcrew kubectl plugin shares.
//!
//! A plugin is a clap struct that implements [`app::Plugin`] and a `main` that calls
//! [`app::run`]. From here it gets
//!
//! - [`flags`]: kubectl's connection flags, output formats, dry run, color;
//! - [`client`]: a client that reads kubeconfigs as client-go does, retries with a voice and
//!   shows the server's warnings;
//! - [`cluster`]: typed handles on its objects, the loops that wait and that write again;
//! - [`ui`] and [`output`]: stdout for the answer, stderr for everything else;
//! - [`error`] and [`exit`]: errors with a kind, a cause and a hint; one table of exit codes;
//! - [`finding`]: what a doctor found, and what it could not see;
//! - [`limits`]: how much is read of what others wrote;
//! - [`plural`]: counts in sentences;
//! - [`report`]: SARIF, JUnit, Markdown and HTML;
//! - [`tenancy`]: what a namespace for people gets: limits, quota, network policy;
//! - [`complete`]: dynamic completion in kubectl's format.

pub mod app;
pub mod client;
pub mod cluster;
mod common;
pub mod complete;
pub mod error;
pub mod exit;
pub mod finding;
pub mod flags;
mod guess;
mod interrupt;
pub mod limits;
pub mod manifest;
mod manual;
pub mod output;
mod plugin;
pub mod plural;
pub mod quantity;
pub mod report;
pub mod tenancy;
pub mod ui;
pub mod write;
