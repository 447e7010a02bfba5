//! `kubectl onboard`: from nothing to a colleague who can work.

mod accept;
mod apply;
mod cli;
mod credential;
mod discovery;
mod extras;
mod handover;
mod identity;
mod kubeconfig;
mod list;
mod meta;
mod objects;
mod observe;
mod offboard;
mod options;
mod people;
mod plan;
mod profile;
mod proof;
mod record;
mod render;
mod request;
mod run;
mod sar;
mod setup;
mod smoke;
mod store;
mod team;

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
