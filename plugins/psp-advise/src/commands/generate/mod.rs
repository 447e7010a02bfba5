//! `kubectl psp-advise generate`: policies made from workloads.

mod psp;
mod subjects;
mod vap;

use clap::{Args, Subcommand};
use groundcrew::app::Frame;
use groundcrew::error::Result;
use groundcrew::exit::Exit;

/// Generate a policy from existing workloads
#[derive(Args, Debug)]
pub struct GenerateArgs {
    #[command(subcommand)]
    what: What,
}

/// The policy that is generated.
#[derive(Debug, Subcommand)]
enum What {
    Psp(Box<psp::PspArgs>),
    Vap(Box<vap::VapArgs>),
}

/// Generates.
///
/// # Errors
///
/// What cannot be read, and a policy whose proof fails.
pub async fn run(args: GenerateArgs, frame: &Frame) -> Result<Exit> {
    match args.what {
        What::Psp(args) => psp::run(*args, frame).await,
        What::Vap(args) => vap::run(*args, frame).await,
    }
}
