//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Frame, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::start::Meant;
use crate::commands::{
    abort, break_glass, doctor, history, plan, promote, resume, start, status, undo,
};

/// Make some pods of a Deployment a canary, and hold it there
///
/// The Deployment's own controller makes the canary pods, beside the stable ones and under the same
/// Services. Then the rollout is parked: paused, with the stable template back in place. Nothing is
/// installed, nothing drives it, and whatever happens to it falls back to stable. The pods that were
/// observed are the pods that are promoted.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = EXAMPLES
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    start: start::StartArgs,
}

/// What there is besides starting; one module each.
#[derive(Debug, Subcommand)]
enum Command {
    Plan(plan::PlanArgs),
    Status(status::StatusArgs),
    Promote(promote::PromoteArgs),
    Abort(abort::AbortArgs),
    Resume(resume::ResumeArgs),
    Undo(undo::UndoArgs),
    History(history::HistoryArgs),
    Doctor(doctor::DoctorArgs),
    BreakGlass(break_glass::BreakGlassArgs),
}

const EXAMPLES: &str = "\
Examples:
  kubectl rollout-canary web 10% --image web=registry.example/web:2
  kubectl rollout-canary status web -w
  kubectl rollout-canary web 25%
  kubectl rollout-canary promote web
  kubectl rollout-canary abort web

A Deployment that is called like a command is named deploy/status.

Exit codes:
  0 done   1 failed   2 usage, nothing done   3 the canary is bad and was rolled back
  4 undecided or could not be tried   5 somebody else drives or changed it; hands off
  124 timed out, state is safe   130 interrupted, state is safe";

impl Plugin for Cli {
    const NAME: &'static str = "rollout-canary";

    async fn run(self, frame: Frame) -> Result<Exit> {
        let frame = &frame;
        match self.command {
            None => match self.start.meant()? {
                Meant::Status(name) => status::now(&name, &self.start.output, frame).await,
                Meant::Start(name, intent) => start::run(self.start, (name, intent), frame).await,
            },
            Some(Command::Plan(args)) => plan::run(args, frame).await,
            Some(Command::Status(args)) => status::run(args, frame).await,
            Some(Command::Promote(args)) => promote::run(args, frame).await,
            Some(Command::Abort(args)) => abort::run(args, frame).await,
            Some(Command::Resume(args)) => resume::run(args, frame).await,
            Some(Command::Undo(args)) => undo::run(args, frame).await,
            Some(Command::History(args)) => history::run(args, frame).await,
            Some(Command::Doctor(args)) => doctor::run(args, frame).await,
            Some(Command::BreakGlass(args)) => break_glass::run(args, frame).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Flags are a contract with scripts and fingers: a change here has to be meant.
    #[test]
    fn the_manual_is_what_was_reviewed() {
        let mut command = groundcrew::app::command::<Cli>().term_width(100);
        insta::assert_snapshot!(command.render_long_help().to_string());
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
