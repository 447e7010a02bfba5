//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::addons::Addons;
use crate::commands;
use crate::error::Result;
use crate::kubernetes::{self, VERSIONS};
use crate::layout::{self, DEFAULT_NAME};
use crate::lifecycle::RealNode;
use crate::{interrupt, ui};

/// A throw-away real Kubernetes on this machine.
#[derive(Debug, Parser)]
#[command(name = "sandbox", bin_name = "cargo sandbox", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts a sandbox, building its parts the first time
    Up(UpArgs),
    /// Ends a sandbox and removes what it left
    Down {
        #[command(flatten)]
        name: NameArg,
        /// Ends every sandbox
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
    /// Lists sandboxes
    Status,
    /// Prints exports for a shell: eval "$(cargo sandbox env)"
    Env {
        #[command(flatten)]
        name: NameArg,
    },
    /// Runs kubectl as the sandbox's admin
    Kubectl {
        #[command(flatten)]
        name: NameArg,
        /// What kubectl is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Shows the log of one part
    Logs {
        /// The part, such as kube-apiserver; without it the parts are listed
        part: Option<String>,
        #[command(flatten)]
        name: NameArg,
        /// Goes on showing what is added
        #[arg(short, long)]
        follow: bool,
        /// How many lines to begin with
        #[arg(long, value_name = "N", default_value_t = 100)]
        tail: usize,
    },
    /// Onboards alice on a fresh sandbox and shows her first pod
    Demo,
    /// Runs every test of the workspace, the end-to-end ones on a sandbox
    Test {
        /// Runs only tests whose name contains this
        filter: Option<String>,
        /// Leaves the sandboxes up
        #[arg(long)]
        keep: bool,
        /// Which Kubernetes
        #[arg(long, default_value = kubernetes::NEWEST, value_parser = VERSIONS)]
        kubernetes: String,
        /// Runs only a few cases of each plugin, on one sandbox
        #[arg(long)]
        core: bool,
    },
    /// Builds and packs the plugins as a release has them
    Dist {
        /// For another platform: a Rust target triple whose toolchain is installed
        #[arg(long, value_name = "TRIPLE")]
        target: Option<String>,
        /// Packs the programs in this directory instead of building them
        #[arg(long, value_name = "DIR", requires = "target")]
        programs: Option<PathBuf>,
        /// Where the archives go [default: target/release-archives]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Writes krew's manifests for archives that were packed
    Index {
        /// Where the archives lie [default: target/release-archives]
        #[arg(long, value_name = "DIR")]
        archives: Option<PathBuf>,
        /// Where plugins/NAME.yaml go [default: target/release-index]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Where the archives are fetched from, instead of the release's page
        #[arg(long, value_name = "URL")]
        base_url: Option<String>,
        /// Leaves platforms without an archive out
        #[arg(long)]
        partial: bool,
    },
    /// Draws the picture in the README anew, from a run on a fresh sandbox
    Record,
    /// Writes docs/reference anew, from what the plugins say of themselves
    Reference,
    /// Measures the plugins on a sandbox and prints a table
    Bench {
        /// Measures only this plugin; repeatable
        #[arg(long, value_name = "PLUGIN", value_enum)]
        only: Vec<commands::bench::Part>,
    },
}

#[derive(Debug, Args)]
struct NameArg {
    /// Which sandbox
    #[arg(long, default_value = DEFAULT_NAME)]
    name: String,
}

#[derive(Debug, Args)]
struct UpArgs {
    #[command(flatten)]
    name: NameArg,
    /// How many simulated nodes
    #[arg(long, default_value_t = 3)]
    nodes: u32,
    /// Adds a node that runs real containers (Linux, root)
    #[arg(long)]
    real_node: bool,
    /// What to add to the real node, separated by commas
    #[arg(long, value_delimiter = ',', requires = "real_node")]
    with: Vec<Addon>,
    /// Which Kubernetes
    #[arg(long, default_value = kubernetes::NEWEST, value_parser = VERSIONS)]
    kubernetes: String,
    /// Leaves certificate requests approved but never issued, as some clouds do
    #[arg(long)]
    no_signer: bool,
    /// Lets each controller ask the API server 8 times a second, as in a cluster that is busy
    #[arg(long)]
    slow_controllers: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Addon {
    /// Traefik as an implementation of the Gateway API
    Gateway,
    /// Prometheus, reading the metrics of the web image's pods
    Prometheus,
}

/// Runs the program: exit code 0, 1 failed, 2 usage, 130 interrupted, or a child's own.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _closed = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match interrupt::watch().and_then(|()| dispatch(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            ui::error(&error);
            ExitCode::from(error.code())
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    let done = |result: Result<()>| result.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Up(args) => done(
            commands::up::run(&commands::up::Options {
                name: args.name.name,
                nodes: args.nodes,
                real_node: if args.real_node {
                    RealNode::Wanted
                } else {
                    RealNode::No
                },
                addons: Addons {
                    gateway: args.with.contains(&Addon::Gateway),
                    prometheus: args.with.contains(&Addon::Prometheus),
                },
                kubernetes: args.kubernetes,
                signer: !args.no_signer,
                slow_controllers: args.slow_controllers,
            })
            .map(|_state| ()),
        ),
        Command::Down { name: _, all: true } => done(commands::down::all()),
        Command::Down { name, all: false } => done(commands::down::run(&name.name)),
        Command::Status => done(commands::status::run()),
        Command::Env { name } => done(commands::env::run(&name.name)),
        Command::Kubectl { name, args } => commands::kubectl::run(&name.name, &args),
        Command::Logs {
            part,
            name,
            follow,
            tail,
        } => done(commands::logs::run(
            &name.name,
            part.as_deref(),
            follow,
            tail,
        )),
        Command::Demo => done(commands::demo::run()),
        Command::Test {
            filter,
            keep,
            kubernetes,
            core,
        } => commands::test::run(&commands::test::Options {
            filter,
            keep,
            kubernetes,
            core,
        }),
        Command::Dist {
            target,
            programs,
            out,
        } => done(commands::dist::run(&commands::dist::Options {
            target,
            programs,
            out: out.unwrap_or_else(archives),
        })),
        Command::Index {
            archives: from,
            out,
            base_url,
            partial,
        } => done(commands::dist::index(&commands::dist::IndexOptions {
            archives: from.unwrap_or_else(archives),
            out: out.unwrap_or_else(|| layout::target_dir().join("release-index")),
            base_url,
            partial,
        })),
        Command::Record => done(commands::record::run()),
        Command::Reference => done(commands::reference::run()),
        Command::Bench { only } => done(commands::bench::run(&only)),
    }
}

fn archives() -> PathBuf {
    layout::target_dir().join("release-archives")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn additions_are_for_a_real_node_only() {
        let with = ["sandbox", "up", "--with", "gateway,prometheus"];
        assert!(Cli::try_parse_from(with).is_err());
        let cli = Cli::try_parse_from([&with[..], &["--real-node"]].concat()).unwrap();
        let Command::Up(args) = cli.command else {
            panic!()
        };
        assert_eq!(args.with, [Addon::Gateway, Addon::Prometheus]);
    }

    #[test]
    fn everything_after_kubectls_first_word_is_kubectls() {
        let cli = Cli::try_parse_from(["sandbox", "kubectl", "get", "po", "--name", "x", "-h"]);
        let Command::Kubectl { name, args } = cli.unwrap().command else {
            panic!()
        };
        assert_eq!((name.name.as_str(), args.len()), (DEFAULT_NAME, 5));
    }

    #[test]
    fn kubectl_takes_the_sandboxs_name_before_its_first_word() {
        let cli = Cli::try_parse_from(["sandbox", "kubectl", "--name", "x", "-n", "y", "get"]);
        let Command::Kubectl { name, args } = cli.unwrap().command else {
            panic!()
        };
        assert_eq!((name.name.as_str(), args.len()), ("x", 3));
    }
}
