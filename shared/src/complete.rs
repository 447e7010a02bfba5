//! Dynamic completion in kubectl's format.
//!
//! kubectl looks for `kubectl_complete-<plugin>` on PATH, calls it with the words typed so far
//! and reads `candidate<TAB>help` lines and a last `:<directive>` (kubectl's
//! `pkg/cmd/plugin/plugin_completion.go`). A plugin's binary answers under that name too. It
//! never prompts, prints nothing on failure and is gone after 1.5 s.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use crate::exit::Exit;
use crate::plugin::{self, Plugin};
use crate::ui::{ColorChoice, Ui};

pub(crate) mod cluster;
pub(crate) mod install;

pub use cluster::{
    cluster_roles, clusters, contexts, from_cluster, listed, names, namespaces, users,
};

/// How long a person at the prompt is kept waiting at most.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Cobra's directive that keeps the shell from offering file names.
const NO_FILE_COMPLETION: &str = ":4";

/// Says whether the process was started under its completion name.
pub(crate) fn is_asked(program: &OsString) -> bool {
    stem(program).starts_with(install::COMPLETION)
}

/// Prints the candidates for the last word.
pub(crate) fn answer<P: Plugin>(mut words: Vec<OsString>) -> Exit {
    if let Some(program) = words.first_mut() {
        *program = format!("kubectl-{}", P::NAME).into();
    }
    if words.len() < 2 {
        words.push(OsString::new());
    }
    let (sender, receiver) = mpsc::channel();
    // The thread is left behind when it is too slow; it ends with the process.
    std::thread::spawn(move || {
        cluster::remember_connection(&words);
        let index = words.len() - 1;
        let wants_flag = words[index].to_string_lossy().starts_with('-');
        let mut command = plugin::completable::<P>();
        let aliases = aliases(&command, &words);
        let candidates = clap_complete::engine::complete(&mut command, words, index, None);
        // Nobody listens any more when the time is over.
        let _ = sender.send(candidates.map(|candidates| lines(&candidates, wants_flag, &aliases)));
    });
    if let Ok(Ok(text)) = receiver.recv_timeout(PATIENCE) {
        // A shell that went away needs no candidates.
        let _ = Ui::new(ColorChoice::Never).answer(format_args!("{text}{NO_FILE_COMPLETION}\n"));
    }
    Exit::Done
}

/// Returns the commands whose aliases clap may offer in their place, by alias: those that the last
/// word may become. None once a command is typed.
fn aliases(command: &clap::Command, words: &[OsString]) -> HashMap<String, String> {
    let Some((last, before)) = words.split_last() else {
        return HashMap::new();
    };
    let is_command = |word: &OsString| command.find_subcommand(word).is_some();
    if before.iter().skip(1).any(is_command) {
        return HashMap::new();
    }
    let typed = last.to_string_lossy();
    command
        .get_subcommands()
        .filter(|one| one.get_name().starts_with(&*typed))
        .flat_map(|one| {
            let name = one.get_name().to_owned();
            one.get_visible_aliases()
                .map(move |alias| (alias.to_owned(), name.clone()))
        })
        .collect()
}

/// As kubectl does it, flags are offered only once a dash is typed.
fn lines(
    candidates: &[clap_complete::CompletionCandidate],
    wants_flag: bool,
    aliases: &HashMap<String, String>,
) -> String {
    let mut text = String::new();
    for candidate in candidates
        .iter()
        .filter(|candidate| !candidate.is_hide_set())
    {
        let value = candidate.get_value().to_string_lossy();
        if value.starts_with('-') && !wants_flag {
            continue;
        }
        text.push_str(aliases.get(&*value).map_or(&*value, String::as_str));
        if let Some(help) = candidate.get_help() {
            text.push('\t');
            text.push_str(help.to_string().lines().next().unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

/// Returns the file name without directory and `.exe`.
fn stem(program: &OsStr) -> String {
    Path::new(program)
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_offered_by_its_own_name_and_an_alias_where_it_is_typed() {
        let command = clap::Command::new("kubectl-x")
            .subcommand(clap::Command::new("release").visible_alias("delete"))
            .subcommand(clap::Command::new("list"));
        let offered = |words: &[&str]| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let aliases = aliases(&command, &words);
            let index = words.len() - 1;
            let candidates =
                clap_complete::engine::complete(&mut command.clone(), words, index, None).unwrap();
            let text = lines(&candidates, false, &aliases);
            text.lines()
                .map(|line| line.split('\t').next().unwrap().to_owned())
                .filter(|word| word != "help")
                .collect::<Vec<_>>()
        };
        assert_eq!(offered(&["kubectl-x", ""]), ["release", "list"]);
        assert_eq!(offered(&["kubectl-x", "rel"]), ["release"]);
        assert_eq!(offered(&["kubectl-x", "del"]), ["delete"]);
        let below = [&["kubectl-x", "list", ""].map(OsString::from)[..]].concat();
        assert!(aliases(&command, &below).is_empty());
    }
}
