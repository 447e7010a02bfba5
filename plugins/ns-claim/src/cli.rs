//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Frame, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;

use crate::commands::{
    claim, doctor, extend, get, install, list, protect, reap, release, report, transfer, uninstall,
};

/// Claim a temporary namespace
///
/// Creates a namespace with limits, a quota and a network policy, and gives you rights in it until
/// it expires. A reaper warns you before that and deletes it then, unless it was extended.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = EXAMPLES,
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    claim: claim::ClaimArgs,
}

/// The other commands; one module each.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    #[command(visible_alias = "new")]
    Create(claim::CreateArgs),
    Get(get::GetArgs),
    Extend(extend::ExtendArgs),
    #[command(visible_aliases = ["delete", "rm"])]
    Release(release::ReleaseArgs),
    Transfer(transfer::TransferArgs),
    Protect(protect::ProtectArgs),
    Report(report::ReportArgs),
    Reap(reap::ReapArgs),
    Doctor(doctor::DoctorArgs),
    Uninstall(uninstall::UninstallArgs),
    Install(install::InstallArgs),
}

const EXAMPLES: &str = "\
Example:    kubectl ns-claim load-test --until \"fri 18:00\" --purpose \"repro #4711\" --with bo
Exit codes: 0 done, 1 failed, 2 usage, 3 no, 4 incomplete, 5 conflict, 124 timeout, 130 interrupted";

impl Plugin for Cli {
    const NAME: &'static str = "ns-claim";
    const NOUN: &'static str = "claim";

    async fn run(self, frame: Frame) -> Result<Exit> {
        match self.command {
            None => claim::run(self.claim, &frame).await,
            Some(Command::Create(args)) => claim::create(args, &frame).await,
            Some(Command::List(args)) => list::run(args, &frame).await,
            Some(Command::Get(args)) => get::run(args, &frame).await,
            Some(Command::Extend(args)) => extend::run(args, &frame).await,
            Some(Command::Release(args)) => release::run(args, &frame).await,
            Some(Command::Transfer(args)) => transfer::run(args, &frame).await,
            Some(Command::Protect(args)) => protect::run(args, &frame).await,
            Some(Command::Report(args)) => report::run(args, &frame).await,
            Some(Command::Reap(args)) => reap::run(args, &frame).await,
            Some(Command::Doctor(args)) => doctor::run(args, &frame).await,
            Some(Command::Uninstall(args)) => uninstall::run(args, &frame).await,
            Some(Command::Install(args)) => install::run(args, &frame).await,
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

    #[test]
    fn a_lifetime_has_a_unit_and_is_longer_than_zero() {
        let parse = |ttl: &str| Cli::try_parse_from(["kubectl-ns_claim", "--ttl", ttl]);
        for good in ["90m", "8h", "2d", "1w", "1d12h"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["0", "0h", "-8h", "8", "1M", "99999999w", "", "8 h", "8H"] {
            let Err(error) = Cli::try_parse_from(["kubectl-ns_claim", &format!("--ttl={bad}")])
            else {
                panic!("{bad} is taken");
            };
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }
}
