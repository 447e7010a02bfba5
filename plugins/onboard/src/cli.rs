//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Interrupt, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::Globals;
use groundcrew::ui::Ui;

use crate::commands::issue::args::IssueArgs;
use crate::commands::{
    accept, apply, doctor, issue, join, leave, list, offboard, renew, request, status, verify,
};

/// Give a colleague a namespace, rights, limits and a verified kubeconfig
///
/// Creates a namespace for the user, limits what it may use, isolates it from others, grants rights
/// in it, issues a credential, and verifies with the new kubeconfig that the user can work there and
/// can do nothing elsewhere. Running it again changes only what differs; an interrupted run is
/// continued.
///
/// Rights are bound to a group inside the certificate, never to the user name: removing the binding
/// makes the certificate useless.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    issue: IssueArgs,
}

/// What there is besides onboarding itself; one folder each.
#[derive(Debug, Subcommand)]
enum Command {
    List(Box<list::ListArgs>),
    Renew(Box<renew::RenewArgs>),
    Offboard(Box<offboard::OffboardArgs>),
    Apply(Box<apply::ApplyArgs>),
    Status(Box<status::StatusArgs>),
    Verify(Box<verify::VerifyArgs>),
    Doctor(Box<doctor::DoctorArgs>),
    Request(Box<request::RequestArgs>),
    Accept(Box<accept::AcceptArgs>),
    Join(Box<join::JoinArgs>),
    Leave(Box<leave::LeaveArgs>),
}

const EXAMPLES: &str = "\
Examples:
  kubectl onboard alice --team payments
  kubectl onboard alice@example.com -n web-alice --role view --profile none
  kubectl onboard alice --auth token --expires 12h
  kubectl onboard alice --dry-run=client

Exit codes:
  0 done   1 failed   2 usage error, nothing done   3 done, but a check failed
  4 done, but not everything could be checked   5 someone else holds or changed it
  124 the signer did not answer, state is safe   130 interrupted, state is safe";

impl Plugin for Cli {
    const NAME: &'static str = "onboard";

    fn globals(&self) -> &Globals {
        match &self.command {
            Some(Command::List(args)) => &args.globals,
            Some(Command::Offboard(args)) => &args.globals,
            Some(Command::Renew(args)) => &args.globals,
            Some(Command::Apply(args)) => &args.globals,
            Some(Command::Request(args)) => &args.globals,
            Some(Command::Accept(args)) => &args.globals,
            Some(Command::Status(args)) => &args.globals,
            Some(Command::Verify(args)) => &args.globals,
            Some(Command::Doctor(args)) => &args.globals,
            Some(Command::Join(args)) => &args.globals,
            Some(Command::Leave(args)) => &args.globals,
            None => &self.issue.globals,
        }
    }

    async fn run(self, ui: Ui, interrupt: Interrupt) -> Result<Exit> {
        match self.command {
            Some(Command::List(args)) => list::run(*args, &ui, &interrupt).await,
            Some(Command::Offboard(args)) => offboard::run(*args, &ui, &interrupt).await,
            Some(Command::Renew(args)) => renew::run(*args, &ui, &interrupt).await,
            Some(Command::Apply(args)) => apply::run(*args, offboard::prune, &ui, &interrupt).await,
            Some(Command::Request(args)) => request::run(&args, &ui),
            Some(Command::Accept(args)) => accept::run(&args, &ui, &interrupt).await,
            Some(Command::Status(args)) => status::run(*args, &ui, &interrupt).await,
            Some(Command::Verify(args)) => verify::run(*args, &ui, &interrupt).await,
            Some(Command::Doctor(args)) => doctor::run(*args, &ui, &interrupt).await,
            Some(Command::Join(args)) => join::run(*args, &ui, &interrupt).await,
            Some(Command::Leave(args)) => leave::run(*args, &ui, &interrupt).await,
            None => issue::run(self.issue, &ui, &interrupt).await,
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
    fn the_manuals_of_the_writing_commands_are_what_was_reviewed() {
        let mut command = groundcrew::app::command::<Cli>();
        command.build();
        let mut manual = String::new();
        for name in ["offboard", "renew", "apply", "join", "leave"] {
            let one = command.find_subcommand(name).expect("it is there");
            let mut one = one.clone().term_width(100);
            manual += &format!("{}\n", one.render_long_help());
        }
        insta::assert_snapshot!(manual);
    }

    #[test]
    fn the_manuals_of_both_halves_are_what_was_reviewed() {
        let mut command = groundcrew::app::command::<Cli>().term_width(100);
        command.build();
        let mut manual = String::new();
        for name in ["request", "accept"] {
            let half = command.find_subcommand_mut(name).unwrap();
            manual.push_str(&half.render_long_help().to_string());
        }
        insta::assert_snapshot!(manual);
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
