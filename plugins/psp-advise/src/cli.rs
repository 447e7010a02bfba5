//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Frame, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::checks::{self, ChecksArgs};
use crate::commands::diff::{self, DiffArgs};
use crate::commands::explain::{self, ExplainArgs};
use crate::commands::fix::{self, FixArgs};
use crate::commands::generate::{self, GenerateArgs};
use crate::commands::label::{self, LabelArgs};
use crate::commands::migrate::{self, MigrateArgs};
use crate::commands::scan::{self, ScanArgs};
use crate::commands::upgrade::{self, UpgradeArgs};

/// Show the strictest Pod Security level each namespace can meet, what blocks it, and how to fix that
///
/// Decides about pods and pod templates exactly as the API server's Pod Security admission does, and
/// adds the field, file and line to fix. Reads the cluster, or manifests with -f, which needs none.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    scan: ScanArgs,
}

/// The commands; one file or folder each.
#[derive(Debug, Subcommand)]
enum Command {
    Scan(Box<ScanArgs>),
    Fix(Box<FixArgs>),
    Label(Box<LabelArgs>),
    Explain(Box<ExplainArgs>),
    Generate(GenerateArgs),
    Migrate(Box<MigrateArgs>),
    Diff(Box<DiffArgs>),
    Upgrade(Box<UpgradeArgs>),
    Checks(ChecksArgs),
}

const EXAMPLES: &str = "\
Examples:
  kubectl psp-advise -n payments -o wide
  kubectl psp-advise -f deploy/ -R --level restricted --version v1.31
  helm template web | kubectl psp-advise -f - --level baseline -o sarif

Exit codes:
  0 ok   1 failed   2 usage   3 violations at or above --fail-on
  4 something could not be evaluated   5 conflict   130 interrupted";

impl Plugin for Cli {
    const NAME: &'static str = "psp-advise";

    async fn run(self, frame: Frame) -> Result<Exit> {
        match self.command {
            Some(Command::Scan(args)) => scan::run(*args, &frame).await,
            Some(Command::Fix(args)) => fix::run(*args, &frame).await,
            Some(Command::Label(args)) => label::run(*args, &frame).await,
            Some(Command::Explain(args)) => explain::run(*args, &frame).await,
            Some(Command::Generate(args)) => generate::run(args, &frame).await,
            Some(Command::Migrate(args)) => migrate::run(*args, &frame).await,
            Some(Command::Diff(args)) => diff::run(*args, &frame),
            Some(Command::Upgrade(args)) => upgrade::run(*args, &frame).await,
            Some(Command::Checks(args)) => checks::run(&args, &frame),
            None => scan::run(self.scan, &frame).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flags are a contract with scripts and fingers: a change here has to be meant.
    #[test]
    fn the_manual_is_what_was_reviewed() {
        let mut command = groundcrew::app::command::<Cli>().term_width(100);
        insta::assert_snapshot!(command.render_help().to_string());
    }

    #[test]
    fn the_command_line_is_sound() {
        groundcrew::app::command::<Cli>().debug_assert();
    }
}
