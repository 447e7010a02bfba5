//! `kubectl psp-advise generate`: policies made from workloads.

mod psp;
mod subjects;
mod vap;

use clap::{Args, Subcommand};
use groundcrew::app::Interrupt;
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::Globals;
use groundcrew::ui::Ui;

/// Make a policy from what there is
#[derive(Args, Debug)]
pub struct GenerateArgs {
    #[command(subcommand)]
    what: What,
}

/// What is made.
#[derive(Debug, Subcommand)]
enum What {
    Psp(Box<psp::PspArgs>),
    Vap(Box<vap::VapArgs>),
}

impl GenerateArgs {
    /// Returns the flags that concern the frame.
    pub fn globals(&self) -> &Globals {
        match &self.what {
            What::Psp(args) => &args.globals,
            What::Vap(args) => &args.globals,
        }
    }
}

/// Generates.
///
/// # Errors
///
/// What cannot be read, and a policy whose proof fails.
pub async fn run(args: GenerateArgs, ui: &Ui, interrupt: &Interrupt) -> Result<Exit> {
    match args.what {
        What::Psp(args) => psp::run(*args, ui, interrupt).await,
        What::Vap(args) => vap::run(*args, ui, interrupt).await,
    }
}
