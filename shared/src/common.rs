//! The commands that every plugin has: `completion`, `options` and `manual`.

use std::ffi::OsStr;

use clap::{Arg, ArgMatches, Command, FromArgMatches, Subcommand};

use crate::complete::install::{self, CompletionArgs};
use crate::error::Result;
use crate::exit::Exit;
use crate::manual::{self, ManualArgs};
use crate::ui::Ui;

// No doc comment: clap would take it for every plugin's own description.
#[derive(Debug, Subcommand)]
pub(crate) enum Common {
    /// Set up shell completion for this plugin
    Completion(CompletionArgs),
    /// List the flags that every command takes
    Options,
    /// Print the reference page, or write the manual pages
    #[command(hide = true)]
    Manual(ManualArgs),
}

impl Common {
    /// Adds these commands to a plugin's own.
    pub(crate) fn join(command: Command) -> Command {
        // What a plugin says of the order and look of its commands stays as it is.
        Self::augment_subcommands(command)
    }

    /// Returns the command that was asked for, if it is one of these.
    ///
    /// # Errors
    ///
    /// Usage, in clap's words.
    pub(crate) fn asked(matches: &ArgMatches) -> Result<Option<Self>, clap::Error> {
        match matches.subcommand_name() {
            Some(name) if Self::has_subcommand(name) => Self::from_arg_matches(matches).map(Some),
            _ => Ok(None),
        }
    }

    /// Does the work. `program` is the name that the process was started under, `command` the
    /// whole command line, `globals` the flags that every command takes.
    pub(crate) fn run(
        self,
        program: &OsStr,
        command: Command,
        globals: &[Arg],
        ui: &Ui,
    ) -> Result<Exit> {
        match self {
            Self::Completion(args) => install::run(&args, program, ui),
            Self::Options => manual::options(&command, globals, ui),
            Self::Manual(args) => manual::run(&args, command, globals, ui),
        }
    }
}
