//! Dynamic completion in kubectl's format.
//!
//! kubectl looks for `kubectl_complete-<plugin>` on PATH, calls it with the words typed so far
//! and reads `candidate<TAB>help` lines and a last `:<directive>` (kubectl's
//! `pkg/cmd/plugin/plugin_completion.go`). A plugin's binary answers under that name too. It
//! never prompts, prints nothing on failure and is gone after 1.5 s.

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
        let candidates = clap_complete::engine::complete(&mut command, words, index, None);
        // Nobody listens any more when the time is over.
        let _ = sender.send(candidates.map(|candidates| lines(&candidates, wants_flag)));
    });
    if let Ok(Ok(text)) = receiver.recv_timeout(PATIENCE) {
        // A shell that went away needs no candidates.
        let _ = Ui::new(ColorChoice::Never).answer(format_args!("{text}{NO_FILE_COMPLETION}\n"));
    }
    Exit::Done
}

/// As kubectl does it, flags are offered only once a dash is typed.
fn lines(candidates: &[clap_complete::CompletionCandidate], wants_flag: bool) -> String {
    let mut text = String::new();
    for candidate in candidates
        .iter()
        .filter(|candidate| !candidate.is_hide_set())
    {
        let value = candidate.get_value().to_string_lossy();
        if value.starts_with('-') && !wants_flag {
            continue;
        }
        text.push_str(&value);
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
