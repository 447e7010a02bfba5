//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Frame, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::{check, diff, matrix, overview, risks, snapshot, verify, what, who, why};

/// Show who can do what, why, and which access is dangerous
///
/// Reads every role and binding once and evaluates them locally, exactly as the API server does.
/// Anything that could not be read is listed, and never counts as "no". Without a command, shows
/// one screen about this cluster.
///
/// A subject is sa:NAMESPACE/NAME, user:NAME, group:NAME, node:NAME, anonymous or me.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    overview: overview::OverviewArgs,
}

/// One folder or file each.
#[derive(Debug, Subcommand)]
enum Command {
    Who(who::WhoArgs),
    What(what::WhatArgs),
    Why(why::WhyArgs),
    Check(check::CheckArgs),
    Diff(diff::DiffArgs),
    Matrix(matrix::MatrixArgs),
    Risks(risks::RisksArgs),
    Snapshot(snapshot::SnapshotArgs),
    Verify(verify::VerifyArgs),
}

const EXAMPLES: &str = "\
Examples:
  kubectl can-i-audit who get secrets -n payments
  kubectl can-i-audit what sa:payments/api
  kubectl can-i-audit why user:alice delete deployments -n web
  kubectl can-i-audit why --not sa:payments/api get pods/log -n payments
  kubectl can-i-audit check -f assertions.yaml --from manifests/

Exit codes:
  0 done, or yes   1 failed   2 usage   3 no: denied, findings, a failed expectation
  4 some objects could not be read   130 interrupted";

impl Plugin for Cli {
    const NAME: &'static str = "can-i-audit";

    async fn run(self, frame: Frame) -> Result<Exit> {
        match self.command {
            None => overview::run(self.overview, &frame).await,
            Some(Command::Who(args)) => who::run(args, &frame).await,
            Some(Command::What(args)) => what::run(args, &frame).await,
            Some(Command::Why(args)) => why::run(args, &frame).await,
            Some(Command::Check(args)) => check::run(args, &frame).await,
            Some(Command::Diff(args)) => diff::run(args, &frame).await,
            Some(Command::Matrix(args)) => matrix::run(args, &frame).await,
            Some(Command::Risks(args)) => risks::run(args, &frame).await,
            Some(Command::Snapshot(args)) => snapshot::run(args, &frame).await,
            Some(Command::Verify(args)) => verify::run(args, &frame).await,
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
        insta::assert_snapshot!(command.render_long_help().to_string());
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
