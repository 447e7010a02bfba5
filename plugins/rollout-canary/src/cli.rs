//! The command line.

use clap::{Arg, Parser, Subcommand};
use groundcrew::app::{Frame, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::start::Meant;
use crate::commands::{
    abort, break_glass, doctor, flags, history, list, pause, plan, promote, resume, start, status,
    undo,
};

/// Run a canary of a Deployment on a share of its pods
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    mut_args(on_one_page)
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    start: start::StartArgs,
}

/// The other commands; one module each.
#[derive(Debug, Subcommand)]
enum Command {
    Plan(plan::PlanArgs),
    Status(status::StatusArgs),
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    Promote(promote::PromoteArgs),
    #[command(visible_alias = "rollback")]
    Abort(abort::AbortArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    Undo(undo::UndoArgs),
    History(history::HistoryArgs),
    Doctor(doctor::DoctorArgs),
    BreakGlass(break_glass::BreakGlassArgs),
}

const EXAMPLES: &str = "\
Example:
  kubectl rollout-canary web 10% --image web=registry.example/web:2
For the flags of the verdict, see kubectl rollout-canary status --help.
Exit codes: 0 done, 1 failed, 2 usage, 3 bad, 4 undecided, 5 conflict, 124 timeout, 130 interrupted";

/// Keeps the help of the root command on one page: the flags of the verdict are on that of `status`,
/// what accepts a finding is on that of `plan` and in the finding itself, and the header of tables is
/// a matter of `status`.
fn on_one_page(arg: Arg) -> Arg {
    if [
        "accept_no_traffic",
        "accept_owner",
        "accept_quota",
        "field_manager",
        "no_headers",
    ]
    .contains(&arg.get_id().as_str())
    {
        return arg.hide(true);
    }
    match arg.get_help_heading() {
        Some(flags::VERDICT) => arg.hide(true),
        Some("Output options") => arg.help_heading(None),
        _ => arg,
    }
}

impl Plugin for Cli {
    const NAME: &'static str = "rollout-canary";
    const NOUN: &'static str = "deploy";

    async fn run(self, frame: Frame) -> Result<Exit> {
        let frame = &frame;
        match self.command {
            None => match self.start.meant(&frame.interrupt).await? {
                Meant::Status(name) => status::now(&name, &self.start.output, frame).await,
                Meant::Start(name, intent) => start::run(self.start, (name, intent), frame).await,
            },
            Some(Command::Plan(args)) => plan::run(args, frame).await,
            Some(Command::Status(args)) => status::run(args, frame).await,
            Some(Command::List(args)) => list::run(args, frame).await,
            Some(Command::Promote(args)) => promote::run(args, frame).await,
            Some(Command::Abort(args)) => abort::run(args, frame).await,
            Some(Command::Pause(args)) => pause::run(args, frame).await,
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
        insta::assert_snapshot!(command.render_help().to_string());
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
