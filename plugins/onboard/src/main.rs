//! `kubectl onboard`: from nothing to a colleague who can work.

mod cli;
mod cluster;
mod commands;
mod local;
mod model;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
