//! `kubectl psp-advise`: what pod security a namespace can bear, and who stands in the way.

mod checks;
mod cli;
mod cluster;
mod compare;
mod explain;
mod files;
mod fixing;
mod format;
mod generate;
mod label;
mod migrate;
mod scan;
mod server;
mod trial;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
