//! `kubectl onboard`: from nothing to a colleague who can work.

mod accept;
mod apply;
mod cli;
mod credential;
mod discovery;
mod doctor;
mod extras;
mod handover;
mod identity;
mod kubeconfig;
mod list;
mod login;
mod meta;
mod objects;
mod observe;
mod offboard;
mod options;
mod people;
mod plan;
mod proof;
mod record;
mod render;
mod renewal;
mod request;
mod run;
mod sar;
mod setup;
mod sight;
mod smoke;
mod status;
mod store;
mod team;
mod verify;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
