//! The command line.

use clap::{Parser, Subcommand};
use groundcrew::app::{Interrupt, Plugin};
use groundcrew::error::Result;
use groundcrew::exit::Exit;
use groundcrew::flags::Globals;
use groundcrew::ui::Ui;

use crate::commands::checks::{self, ChecksArgs};
use crate::commands::diff::{self, DiffArgs};
use crate::commands::explain::{self, ExplainArgs};
use crate::commands::fix::{self, FixArgs};
use crate::commands::generate::{self, GenerateArgs};
use crate::commands::label::{self, LabelArgs};
use crate::commands::migrate::{self, MigrateArgs};
use crate::commands::scan::{self, ScanArgs};
use crate::commands::upgrade::{self, UpgradeArgs};

/// Say which pod security a namespace can bear, who stands in the way, and how to get there
///
/// Evaluates pods and the templates that make them as the API server's Pod Security admission
/// does: every version of the standards, the differences between servers, and its words, with the
/// field, file and line that it does not say. Reads the cluster, or with -f manifests, for which
/// no cluster is needed.
#[derive(Debug, Parser)]
#[command(
    disable_version_flag = true,
    max_term_width = 100,
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    scan: ScanArgs,
}

/// What there is; one folder each.
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
  kubectl psp-advise
  kubectl psp-advise -n payments -o wide
  kubectl psp-advise -f deploy/ -R --level restricted --version v1.31
  kubectl psp-advise fix -f deploy/ -R --to restricted
  kubectl psp-advise label --strategy warn --apply --rollback-file undo.sh
  kubectl psp-advise explain -f pod.yaml --engine psp --psp policies.yaml --rbac rbac.yaml
  kubectl psp-advise generate psp -f deploy/ -R --grant
  kubectl psp-advise migrate -f policies.yaml --pods cluster
  kubectl psp-advise diff main/ branch/
  kubectl psp-advise upgrade --from v1.30 --to v1.36
  helm template web | kubectl psp-advise -f - --level baseline -o sarif

Exit codes:
  0 nothing at or above --fail-on   1 failed   2 usage
  3 findings at or above --fail-on   4 something could not be evaluated   130 interrupted";

impl Plugin for Cli {
    const NAME: &'static str = "psp-advise";

    fn globals(&self) -> &Globals {
        match &self.command {
            Some(Command::Scan(args)) => &args.globals,
            Some(Command::Fix(args)) => &args.globals,
            Some(Command::Label(args)) => &args.globals,
            Some(Command::Explain(args)) => &args.globals,
            Some(Command::Generate(args)) => args.globals(),
            Some(Command::Migrate(args)) => &args.globals,
            Some(Command::Diff(args)) => &args.globals,
            Some(Command::Upgrade(args)) => &args.globals,
            Some(Command::Checks(args)) => &args.globals,
            None => &self.scan.globals,
        }
    }

    async fn run(self, ui: Ui, interrupt: Interrupt) -> Result<Exit> {
        match self.command {
            Some(Command::Scan(args)) => scan::run(*args, &ui, &interrupt).await,
            Some(Command::Fix(args)) => fix::run(*args, &ui, &interrupt).await,
            Some(Command::Label(args)) => label::run(*args, &ui, &interrupt).await,
            Some(Command::Explain(args)) => explain::run(*args, &ui, &interrupt).await,
            Some(Command::Migrate(args)) => migrate::run(*args, &ui, &interrupt).await,
            Some(Command::Generate(args)) => generate::run(args, &ui, &interrupt).await,
            Some(Command::Diff(args)) => diff::run(*args, &ui),
            Some(Command::Upgrade(args)) => upgrade::run(*args, &ui, &interrupt).await,
            Some(Command::Checks(args)) => checks::run(&args, &ui),
            None => scan::run(self.scan, &ui, &interrupt).await,
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
