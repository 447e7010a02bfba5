//! `kubectl rollout-canary`: a true canary for an ordinary Deployment.

mod cli;
mod cluster;
mod commands;
mod drive;
mod local;
mod model;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
