//! What a plugin is to the frame: its command line, and what it runs with.

use std::future::Future;

use clap::{Arg, ArgMatches, Args as _, Command, CommandFactory, FromArgMatches};
use clap_complete::engine::ArgValueCompleter;

use crate::client::{self, Product, Session};
use crate::common::Common;
use crate::complete::cluster as completion;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::flags::{Globals, KubeArgs};
use crate::guess;
use crate::interrupt::Interrupt;
use crate::ui::Ui;

/// A kubectl plugin: clap's struct with what the frame needs to know.
pub trait Plugin: CommandFactory + FromArgMatches {
    /// The word after `kubectl`, with dashes.
    const NAME: &'static str;

    /// What the name is of that the plugin takes where a command could be, such as `user`; empty
    /// when it takes none. A name that looks like a command is taken only as `user/NAME`.
    const NOUN: &'static str = "";

    /// Does the work.
    ///
    /// Once the frame's interrupt fires, the plugin brings the state to a safe point and returns;
    /// a second Ctrl-C ends the process at once.
    fn run(self, frame: Frame) -> impl Future<Output = Result<Exit>>;
}

/// What every command runs with.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Where all text goes.
    pub ui: Ui,
    /// Fires at the first Ctrl-C.
    pub interrupt: Interrupt,
    /// The program's name and version.
    pub product: Product,
    /// Which cluster to talk to, and as which user.
    pub kube: KubeArgs,
}

impl Frame {
    /// Connects by the flags, the kubeconfig files and the environment, as kubectl would.
    ///
    /// # Errors
    ///
    /// As [`client::connect`].
    pub async fn connect(&self) -> Result<Session> {
        client::connect(&self.kube, &self.product, &self.ui).await
    }

    /// Asks a yes/no question before anything is written; `--yes` answers it.
    ///
    /// # Errors
    ///
    /// That the answer was no; usage when there is no terminal to ask on.
    pub fn confirm(&self, question: &str, yes: bool) -> Result<()> {
        if yes || self.ui.confirm(question)? {
            return Ok(());
        }
        Err(Error::failed("aborted; nothing was changed"))
    }
}

/// Returns a plugin's whole command line under the name that people type, `kubectl <plugin>`;
/// its own name is the binary's, which kubectl looks for with underscores instead of dashes.
///
/// `--help` leaves the flags that every command takes to the command `options`.
pub fn command<P: Plugin>() -> Command {
    line::<P>(globals().into_iter().map(|flag| flag.hide(true)))
}

/// Returns the command line with nothing hidden: every flag can be completed.
pub(crate) fn completable<P: Plugin>() -> Command {
    line::<P>(globals().into_iter())
}

fn line<P: Plugin>(globals: impl Iterator<Item = Arg>) -> Command {
    let command = Common::join(P::command())
        .name(format!("kubectl-{}", P::NAME.replace('-', "_")))
        .bin_name(format!("kubectl {}", P::NAME))
        .long_version(Product::new(P::NAME).about())
        // Flags may come before the command too; `misplaced` refuses those that are not global.
        .args_conflicts_with_subcommands(false)
        .subcommand_negates_reqs(true)
        .disable_help_subcommand(false);
    let usage = usage(&command);
    finished(command, P::NAME)
        .override_usage(usage)
        .args(globals)
}

/// Returns the two ways to call a plugin. Left to itself, clap would show what the plugin does
/// without a command as something that may precede one.
fn usage(command: &Command) -> String {
    let mut apart = command.clone().args_conflicts_with_subcommands(true);
    let usage = apart.render_usage().to_string();
    usage.trim_start_matches("Usage: ").to_owned()
}

/// Returns the flags that every command takes, before and after its word.
pub(crate) fn globals() -> Vec<Arg> {
    let flags = KubeArgs::augment_args(Globals::augment_args(Command::new("options")));
    let flags = flags.get_arguments().cloned();
    flags
        .map(|flag| {
            let flag = flag.global(true);
            match completer(flag.get_id().as_str()) {
                Some(completer) => flag.add(completer),
                None => flag,
            }
        })
        .collect()
}

fn completer(flag: &str) -> Option<ArgValueCompleter> {
    match flag {
        "context" => Some(completion::contexts()),
        "cluster" => Some(completion::clusters()),
        "user" => Some(completion::users()),
        "namespace" => Some(completion::namespaces()),
        _ => None,
    }
}

/// One page of help, not a short and a long one: what the command does, usage, a line or two for
/// each flag, examples, and where the other flags are.
fn finished(command: Command, name: &'static str) -> Command {
    let manager = Product::new(name).field_manager();
    let mut command = command.mut_args(|argument| compact(argument, &manager));
    let pointer = format!("Use \"kubectl {name} options\" for connection and output flags.");
    let below = match command.get_after_help() {
        Some(text) => format!("{text}\n\n{pointer}"),
        None => pointer,
    };
    let summary = command.get_about().map(ToString::to_string);
    let more = command.get_long_about().map(ToString::to_string);
    if let (Some(summary), Some(more)) = (summary, more) {
        let more = more.trim_start_matches(&summary).trim().to_owned();
        command = command.long_about(None).before_help(more);
    }
    command = command.after_help(below).help_template(PAGE);
    command.mut_subcommands(|below| finished(below, name))
}

const PAGE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// What the help of `--field-manager` has in the place of the plugin's name.
const MANAGER: &str = "kubectl-PLUGIN";

/// Gives an argument a help of one piece, which makes clap lay the page out in short lines, and
/// lists positional ones under `Arguments`, whatever the flags beside them are listed under.
fn compact(argument: Arg, manager: &str) -> Arg {
    let mut argument = if argument.is_positional() {
        argument.help_heading(None)
    } else {
        argument
    };
    if let Some(text) = argument.get_long_help().map(ToString::to_string) {
        let text = text.replace(".\n\n", ". ").replace("\n\n", ". ");
        argument = argument.help(text).long_help(None);
    }
    // The one text of a shared flag that each plugin says with its own name.
    if let Some(text) = argument.get_help().map(ToString::to_string)
        && text.contains(MANAGER)
    {
        argument = argument.help(text.replace(MANAGER, manager));
    }
    let values = argument.get_possible_values();
    let names: Vec<&str> = values
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(clap::builder::PossibleValue::get_name)
        .collect();
    let text = argument.get_help().map(ToString::to_string);
    let text = text.unwrap_or_default();
    // What the text names already need not be listed behind it.
    if names.iter().all(|name| text.contains(name)) {
        argument = argument.hide_possible_values(true);
    } else if values.iter().any(|value| value.get_help().is_some()) {
        let text = format!("{text} [possible values: {}]", names.join(", "));
        argument = argument.help(text).hide_possible_values(true);
    }
    argument
}

/// Returns the flag or argument of the plugin's own that was given before a command, if one was.
pub(crate) fn misplaced(command: &Command, matches: &ArgMatches) -> Option<(String, String)> {
    let below = matches.subcommand_name()?;
    let own = command.get_arguments().find(|argument| {
        !argument.is_global_set()
            && matches.value_source(argument.get_id().as_str())
                == Some(clap::parser::ValueSource::CommandLine)
    })?;
    Some((own.to_string(), below.to_owned()))
}

/// Returns why a word in the place of a name is refused: it looks like a command that was meant.
pub(crate) fn mistaken<P: Plugin>(command: &Command, matches: &ArgMatches) -> Option<String> {
    if P::NOUN.is_empty() || matches.subcommand_name().is_some() {
        return None;
    }
    let place = command.get_positionals().next()?;
    let typed = matches.get_raw(place.get_id().as_str())?.next()?;
    let typed = typed.to_string_lossy();
    let commands = command.get_subcommands().map(Command::get_name);
    let near = guess::guessed(&typed, commands.filter(|name| *name != "manual"))?;
    let plugin = command.get_bin_name().unwrap_or_default();
    let mut text = format!("\"{typed}\" is not a command");
    match near {
        Some(near) => text.push_str(&format!("; did you mean:  {plugin} {near}")),
        None => text.push_str(&format!("; the commands are listed by:  {plugin} --help")),
    }
    let (noun, word) = (P::NOUN, typed.to_lowercase());
    text.push_str(&format!(
        "\n  if it is the name of a {noun}:  {plugin} {noun}/{word}"
    ));
    Some(text)
}

#[cfg(test)]
mod tests {
    use clap::{Args, Parser, Subcommand};

    use super::*;

    /// Claim something
    ///
    /// It is yours until it expires.
    #[derive(Debug, Parser)]
    #[command(version, max_term_width = 100)]
    struct Cli {
        #[command(subcommand)]
        command: Option<Words>,
        #[command(flatten)]
        own: Own,
    }

    #[derive(Debug, Args)]
    #[command(next_help_heading = "Claim")]
    struct Own {
        /// Name of the namespace
        name: Option<String>,
        /// Your team
        ///
        /// It is shown in lists.
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        write: crate::flags::WriteArgs,
    }

    #[derive(Debug, PartialEq, Subcommand)]
    enum Words {
        /// List claims
        List {
            /// Only yours
            #[arg(long)]
            mine: bool,
        },
    }

    impl Plugin for Cli {
        const NAME: &'static str = "ns-claim";
        const NOUN: &'static str = "claim";

        async fn run(self, _: Frame) -> Result<Exit> {
            Ok(Exit::Done)
        }
    }

    fn parse(line: &str) -> (ArgMatches, Cli, KubeArgs) {
        let words = std::iter::once("kubectl-ns_claim").chain(line.split(' '));
        let matches = command::<Cli>().try_get_matches_from(words).unwrap();
        let cli = Cli::from_arg_matches(&matches).unwrap();
        let kube = KubeArgs::from_arg_matches(&matches).unwrap();
        (matches, cli, kube)
    }

    #[test]
    fn a_flag_of_kubectl_means_the_same_before_and_after_the_command() {
        for line in [
            "--context prod -n a list --mine",
            "list --mine --context prod -n a",
            "-n a list --context=prod --mine",
        ] {
            let (matches, cli, kube) = parse(line);
            assert_eq!(cli.command, Some(Words::List { mine: true }), "{line}");
            assert_eq!(kube.context.as_deref(), Some("prod"), "{line}");
            assert_eq!(kube.namespace.as_deref(), Some("a"), "{line}");
            assert_eq!(misplaced(&command::<Cli>(), &matches), None, "{line}");
        }
        let (_, cli, kube) = parse("--context prod mine --team web");
        assert_eq!(
            (cli.own.name.as_deref(), cli.own.team.as_deref()),
            (Some("mine"), Some("web"))
        );
        assert_eq!(kube.context.as_deref(), Some("prod"));
    }

    #[test]
    fn what_belongs_to_no_command_is_refused_before_one() {
        for (line, own) in [
            ("--team web list", "--team <TEAM>"),
            ("alice list", "[NAME]"),
        ] {
            let (matches, ..) = parse(line);
            let mut command = command::<Cli>();
            command.build();
            let wrong = misplaced(&command, &matches);
            assert_eq!(wrong, Some((own.to_owned(), "list".to_owned())), "{line}");
        }
    }

    #[test]
    fn a_name_that_looks_like_a_command_is_never_taken_for_a_name() {
        let mistaken = |line: &str| {
            let words = std::iter::once("kubectl-ns_claim").chain(line.split(' '));
            let mut command = command::<Cli>();
            let matches = command.try_get_matches_from_mut(words).unwrap();
            mistaken::<Cli>(&command, &matches)
        };
        insta::assert_snapshot!(mistaken("--context prod lst").unwrap(), @r#"
        "lst" is not a command; did you mean:  kubectl ns-claim list
          if it is the name of a claim:  kubectl ns-claim claim/lst
        "#);
        insta::assert_snapshot!(mistaken("status --team web").unwrap(), @r#"
        "status" is not a command; the commands are listed by:  kubectl ns-claim --help
          if it is the name of a claim:  kubectl ns-claim claim/status
        "#);
        for line in ["claim/lst", "load-test", "list --mine"] {
            assert_eq!(mistaken(line), None, "{line}");
        }
    }

    #[test]
    fn help_shows_the_commands_own_flags_and_where_the_others_are() {
        let mut command = command::<Cli>().term_width(100);
        command.build();
        insta::assert_snapshot!(command.render_help().to_string());
    }
}
