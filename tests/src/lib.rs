//! The end-to-end harness: real plugins, through the real `kubectl`, on a real API server.
//!
//! A test is a [`Case`]: a name, what it needs, and a function that panics when something is not
//! as it should be. Whatever a case needs and the environment does not offer makes it a skipped
//! case with a reason, never a passed one.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test harness reports to the terminal"
)]

mod canary;
mod case;
mod claims;
mod command;
mod environment;
mod failure;
#[cfg(unix)]
mod guide;
mod person;
mod rights;
mod serving;
mod suite;

pub use canary::{Seen, Watcher, Web};
pub use case::{Case, Need};
pub use claims::{action, action_of, moment};
pub use command::{Output, Run, at_once};
pub use environment::{Environment, krew, pod_security_fixtures};
pub use fault_proxy::{Entry, Fault, FaultProxy, Match, Rule};
pub use rights::{Order, Rights};
pub use serving::{Answers, Way};
pub use suite::{Proxied, Suite, eventually};

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion, Trial};

/// Runs the cases that can run and names those that cannot.
#[must_use]
pub fn main(cases: Vec<Case>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most of a case is waiting for controllers.
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads = arguments.test_threads.or(Some(2 * processors));
    let environment = Arc::new(Environment::find());
    failure::keep_words();
    let mut skipped = Vec::new();
    let trials = cases
        .into_iter()
        .map(|case| {
            let missing = case.needs.iter().find_map(|need| environment.lacks(*need));
            let name = case.name.clone();
            if let Some(reason) = &missing {
                skipped.push((name.clone(), reason.clone()));
            }
            let environment = Arc::clone(&environment);
            Trial::test(name, move || case.run(&environment)).with_ignored_flag(missing.is_some())
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        report(&skipped, &conclusion);
    }
    conclusion.exit_code()
}

/// Says what was skipped and why, each reason once, and leaves a list for `cargo sandbox test`.
fn report(skipped: &[(String, String)], conclusion: &Conclusion) {
    if let Some(path) = std::env::var_os("GROUNDCREW_TEST_SKIPS") {
        let lines: String = skipped
            .iter()
            .map(|(name, reason)| format!("{name}\t{reason}\n"))
            .collect();
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, lines.as_bytes()));
        if let Err(error) = written {
            eprintln!("cannot write {}: {error}", path.display());
        }
    }
    let mut reasons: Vec<&str> = skipped.iter().map(|(_, reason)| reason.as_str()).collect();
    reasons.sort_unstable();
    for reason in reasons.chunk_by(|one, other| one == other) {
        println!("skipped {}: {}", reason.len(), reason[0]);
    }
    if conclusion.has_failed() {
        eprintln!("run one case again with: cargo sandbox test NAME");
    }
}
