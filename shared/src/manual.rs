//! Reference page and manual pages, from the same definitions as `--help`.

use std::fs;
use std::path::PathBuf;

use clap::{Arg, Args, Command};

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::ui::Ui;

/// What is to be made.
#[derive(Debug, Args)]
pub(crate) struct ManualArgs {
    /// Write one manual page per command (section 1, roff) into this directory
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
}

/// Prints the reference as Markdown, or writes the manual pages.
pub(crate) fn run(args: &ManualArgs, command: Command, globals: &[Arg], ui: &Ui) -> Result<Exit> {
    match &args.man {
        None => ui.answer(reference(command, globals))?,
        Some(directory) => {
            let written = fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(paged(command), directory));
            written.map_err(|error| {
                let directory = directory.display();
                Error::failed(format!("cannot write manual pages into {directory}"))
                    .with_source(error)
            })?;
        }
    }
    Ok(Exit::Done)
}

/// Prints the flags that every command takes.
pub(crate) fn options(command: &Command, globals: &[Arg], ui: &Ui) -> Result<Exit> {
    let help = shared_flags(command, globals).render_help();
    ui.answer_styled(|out| write!(out, "{}", help.ansi()))?;
    Ok(Exit::Done)
}

/// Returns a command line of the global flags alone, for its help.
fn shared_flags(command: &Command, globals: &[Arg]) -> Command {
    let name = command.get_bin_name().unwrap_or_default();
    let flags = globals.iter().filter(|flag| !flag.is_hide_set());
    Command::new("options")
        .disable_help_flag(true)
        .about("Every command takes these flags, before or after its name.")
        .override_usage(format!("{name} [COMMAND] [OPTIONS]"))
        .max_term_width(WIDTH)
        .args(flags.map(|flag| flag.clone().global(false)))
}

/// How wide the lines of the reference are at most.
const WIDTH: usize = 100;

/// Returns the help of a command and of everything below it, as one page.
fn reference(command: Command, globals: &[Arg]) -> String {
    // Set on every command: it is not handed down once the tree is built.
    let mut command = wide(command);
    command.build();
    let mut page = format!("# {}\n", command.get_bin_name().unwrap_or_default());
    section(&command, &mut page);
    let flags = shared_flags(&command, globals)
        .term_width(WIDTH)
        .render_help();
    page.push_str("\n## Flags of every command\n\n");
    block(&flags.to_string(), &mut page);
    page
}

fn wide(command: Command) -> Command {
    command.term_width(WIDTH).mut_subcommands(wide)
}

fn section(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or_default();
    let help = command.clone().render_help().to_string();
    page.push_str(&format!("\n## `{name}`\n\n"));
    block(&help, page);
    let below = command
        .get_subcommands()
        .filter(|one| !one.is_hide_set() && one.get_name() != "help");
    for one in below {
        section(one, page);
    }
}

fn block(text: &str, page: &mut String) {
    page.push_str("```text\n");
    for line in text.trim_end().lines() {
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page.push_str("```\n");
}

/// Gives the command the name of a manual page: `kubectl-ns-claim`.
fn paged(command: Command) -> Command {
    let name = command.get_bin_name().unwrap_or_default().replace(' ', "-");
    command.name(name)
}
