//! `kubectl can-i-audit`: who can do what, why, and what of it is dangerous.

mod chain;
mod cli;
mod commands;
mod observe;
mod wording;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
