//! `kubectl onboard`: from nothing to a colleague who can work.

mod apply;
mod cli;
mod credential;
mod doctor;
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
mod run;
mod sar;
mod sight;
mod status;
mod verify;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
