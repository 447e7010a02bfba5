//! `kubectl ns-claim`: temporary namespaces that are safe to hand out and sure to go away.

mod cli;
mod cluster;
mod commands;
mod model;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
