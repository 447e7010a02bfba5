//! `kubectl can-i-audit`: who can do what, why, and which access is dangerous.

mod cli;
mod cluster;
mod commands;
mod local;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
