//! `kubectl psp-advise`: the strictest Pod Security level each namespace can meet.

mod cli;
mod cluster;
mod commands;
mod local;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
