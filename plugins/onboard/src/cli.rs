//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Frame, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::issue::args::IssueArgs;
use crate::commands::{
    accept, apply, doctor, forget, issue, join, leave, list, offboard, renew, request, status,
    verify,
};

/// Give a colleague a namespace, rights, limits and a verified kubeconfig
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
    // One page has to hold all of it: what every command takes is on the pages of the others.
    disable_help_flag = true,
    disable_version_flag = true,
    mut_arg("dry_run", |arg| arg.help("Show what would be done")),
    mut_arg("field_manager", |arg| arg.hide(true)),
    mut_arg("no_headers", |arg| arg.hide(true)),
    mut_arg("force_conflicts", |arg| arg.hide(true))
)]
pub struct Cli {
    #[arg(short, long, global = true, hide = true, action = clap::ArgAction::Help)]
    help: Option<bool>,

    #[arg(short = 'V', long, hide = true, action = clap::ArgAction::Version)]
    version: Option<bool>,

    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    issue: IssueArgs,
}

/// What there is besides onboarding itself; one folder each.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(visible_alias = "ls")]
    List(Box<list::ListArgs>),
    Renew(Box<renew::RenewArgs>),
    #[command(visible_aliases = ["rm", "delete", "remove", "revoke"])]
    Offboard(Box<offboard::OffboardArgs>),
    Apply(Box<apply::ApplyArgs>),
    #[command(visible_aliases = ["get", "show"])]
    Status(Box<status::StatusArgs>),
    Verify(Box<verify::VerifyArgs>),
    Doctor(Box<doctor::DoctorArgs>),
    Request(Box<request::RequestArgs>),
    Accept(Box<accept::AcceptArgs>),
    Join(Box<join::JoinArgs>),
    Leave(Box<leave::LeaveArgs>),
    Forget(Box<forget::ForgetArgs>),
    /// Onboard a user, as without the word
    // Hidden: the page is that of the root, and has 60 lines.
    #[command(alias = "create", hide = true)]
    Add(Box<IssueArgs>),
}

const EXAMPLES: &str = "\
Example:    kubectl onboard alice --team payments --role edit --profile small --expires 30d
Exit codes: 0 done, 1 failed, 2 usage, 3 no, 4 incomplete, 5 conflict, 124 timeout, 130 interrupted";

impl Plugin for Cli {
    const NAME: &'static str = "onboard";
    const NOUN: &'static str = "user";

    async fn run(self, frame: Frame) -> Result<Exit> {
        match self.command {
            None => issue::run(self.issue, &frame).await,
            Some(Command::List(args)) => list::run(*args, &frame).await,
            Some(Command::Offboard(args)) => offboard::run(*args, &frame).await,
            Some(Command::Renew(args)) => renew::run(*args, &frame).await,
            Some(Command::Apply(args)) => apply::run(*args, offboard::prune, &frame).await,
            Some(Command::Request(args)) => request::run(&args, &frame),
            Some(Command::Accept(args)) => accept::run(&args, &frame).await,
            Some(Command::Status(args)) => status::run(*args, &frame).await,
            Some(Command::Verify(args)) => verify::run(*args, &frame).await,
            Some(Command::Doctor(args)) => doctor::run(*args, &frame).await,
            Some(Command::Join(args)) => join::run(*args, &frame).await,
            Some(Command::Leave(args)) => leave::run(*args, &frame).await,
            Some(Command::Forget(args)) => forget::run(*args, &frame).await,
            Some(Command::Add(args)) => issue::run(*args, &frame).await,
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
    fn the_manuals_of_the_writing_commands_are_what_was_reviewed() {
        let mut command = groundcrew::app::command::<Cli>();
        command.build();
        let mut manual = String::new();
        for name in ["offboard", "renew", "apply", "join", "leave", "forget"] {
            let one = command.find_subcommand(name).expect("it is there");
            let mut one = one.clone().term_width(100);
            manual += &format!("{}\n", one.render_help());
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
            manual.push_str(&half.render_help().to_string());
        }
        insta::assert_snapshot!(manual);
    }

    #[test]
    fn the_words_of_other_tools_are_understood() {
        use clap::Parser as _;
        let understood = |line: &str| {
            let words = std::iter::once("onboard").chain(line.split(' '));
            Cli::try_parse_from(words).unwrap().command
        };
        assert!(matches!(understood("ls"), Some(Command::List(_))));
        for word in ["rm", "delete", "remove", "revoke"] {
            let line = format!("{word} alice bob");
            assert!(matches!(understood(&line), Some(Command::Offboard(_))));
        }
        for word in ["get", "show"] {
            let line = format!("{word} alice");
            assert!(matches!(understood(&line), Some(Command::Status(_))));
        }
        for word in ["add", "create"] {
            let line = format!("{word} alice --ttl 8h");
            assert!(matches!(understood(&line), Some(Command::Add(_))));
        }
        for line in ["renew alice --ttl 8h", "join alice shop --role view"] {
            assert!(understood(line).is_some());
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
