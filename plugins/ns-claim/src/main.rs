//! `kubectl ns-claim`: temporary namespaces that are safe to hand out and sure to go away.

mod change;
mod claim;
mod cli;
mod extend;
mod index;
mod install;
mod list;
mod meta;
mod names;
mod objects;
mod one;
mod reap;
mod refusal;
mod release;
mod server;
mod settings;
mod show;
mod switch;
mod take;
mod usage;
mod view;

use cli::{FIELD_MANAGER, product};

fn main() -> std::process::ExitCode {
    groundcrew::app::run::<cli::Cli>()
}
