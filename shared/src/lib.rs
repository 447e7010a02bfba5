//! What every groundcrew kubectl plugin shares.
//!
//! A plugin is a clap struct that implements [`app::Plugin`] and a `main` that calls
//! [`app::run`]. From here it gets
//!
//! - [`flags`]: kubectl's connection flags, output formats, dry run, colour;
//! - [`client`]: a client that reads kubeconfigs as client-go does, retries with a voice and
//!   shows the server's warnings;
//! - [`ui`] and [`output`]: stdout for the answer, stderr for everything else;
//! - [`error`] and [`exit`]: errors with a kind, a cause and a hint; one table of exit codes;
//! - [`tenancy`]: what a namespace for people gets: limits, quota, network policy;
//! - [`complete`]: dynamic completion in kubectl's format.

pub mod app;
pub mod client;
mod common;
pub mod complete;
pub mod error;
pub mod exit;
pub mod flags;
mod manual;
pub mod output;
pub mod quantity;
pub mod tenancy;
pub mod ui;
pub mod write;
