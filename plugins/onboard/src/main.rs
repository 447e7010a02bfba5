//! `kubectl onboard`: from nothing to a colleague who can work.

mod accept;
mod apply;
mod cli;
mod credential;
mod handover;
mod identity;
mod kubeconfig;
mod list;
mod meta;
mod objects;
mod observe;
mod options;
mod people;
mod plan;
mod profile;
mod proof;
mod record;
mod render;
mod request;
mod run;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
