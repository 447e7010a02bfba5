//! `kubectl rollout-canary`: a true canary for an ordinary Deployment.

mod apply;
mod break_glass;
mod change;
mod cli;
mod commands;
mod complete;
mod drive;
mod health;
mod judge;
mod machine;
mod meta;
mod model;
mod observe;
mod plan;
mod record;
mod render;
mod signals;
mod traffic;
mod verdict;
mod view;
mod weight;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
